import { RiErrorWarningLine } from '@remixicon/react';
import type { ReactNode } from 'react';
import { cn } from '@/lib/cn';

interface NoticeProps {
  children: ReactNode;
  action?: ReactNode;
  className?: string;
}

/** What went wrong, and the button that mends it. */
export function Notice({ children, action, className }: NoticeProps) {
  return (
    <div role="alert" className={cn('flex flex-wrap items-center gap-x-3 gap-y-2 rounded-lg border border-danger bg-danger-soft px-4 py-3', className)}>
      <RiErrorWarningLine aria-hidden className="size-5 shrink-0 text-danger" />
      <p className="min-w-0 flex-1 basis-48">{children}</p>
      {action}
    </div>
  );
}
