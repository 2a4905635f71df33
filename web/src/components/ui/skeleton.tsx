import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

/** Holds the place of what is being loaded. */
export function Skeleton({ className, ...props }: ComponentProps<'div'>) {
  return <div data-slot="skeleton" aria-hidden className={cn('animate-pulse rounded-md bg-muted', className)} {...props} />;
}
