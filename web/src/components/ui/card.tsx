import { useId, type ComponentProps, type ReactNode } from 'react';
import { cn } from '@/lib/cn';

export function Card({ className, ...props }: ComponentProps<'section'>) {
  return <section data-slot="card" className={cn('rounded-lg border bg-card', className)} {...props} />;
}

interface TitledCardProps extends ComponentProps<'section'> {
  title: string;
  /** What stands at the other end of the title's line. */
  action?: ReactNode;
}

/** A card that is known by its title, where the focus goes when a link leads here. */
export function TitledCard({ title, action, children, ...props }: TitledCardProps) {
  const id = useId();
  return (
    <Card aria-labelledby={id} {...props}>
      <div className="flex min-h-12 flex-wrap items-center justify-between gap-x-3 gap-y-1 border-b px-4 py-2">
        <h2 id={id} tabIndex={-1} className="font-semibold">
          {title}
        </h2>
        {action}
      </div>
      {children}
    </Card>
  );
}
