import { Progress as Primitive } from 'radix-ui';
import { cn } from '@/lib/cn';

interface ProgressProps {
  /** How much is done, 0 to 1; null where that is not known. */
  value: number | null;
  label: string;
  className?: string;
}

export function Progress({ value, label, className }: ProgressProps) {
  const percent = value === null ? null : Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <Primitive.Root
      data-slot="progress"
      value={percent}
      max={100}
      aria-label={label}
      className={cn('block h-1.5 w-full overflow-hidden rounded-full bg-muted', className)}
    >
      <Primitive.Indicator
        className={cn(
          'block h-full rounded-full bg-accent transition-[width] duration-150',
          percent === null && 'w-1/3 animate-pulse',
        )}
        style={percent === null ? undefined : { width: `${percent}%` }}
      />
    </Primitive.Root>
  );
}
