import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

const FIELD = [
  'w-full rounded-md border border-control bg-card px-3 transition-colors',
  'aria-invalid:border-danger disabled:opacity-50',
];

export function Input({ className, ...props }: ComponentProps<'input'>) {
  return <input data-slot="input" className={cn(FIELD, 'h-9', className)} {...props} />;
}

export function Textarea({ className, ...props }: ComponentProps<'textarea'>) {
  return <textarea data-slot="textarea" className={cn(FIELD, 'min-h-9 py-2', className)} {...props} />;
}
