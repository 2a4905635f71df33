import { clsx, type ClassValue } from 'clsx';
import { twMerge } from 'tailwind-merge';

/** Class names, where a later one of Tailwind's wins over an earlier one for the same property. */
export function cn(...classes: ClassValue[]): string {
  return twMerge(clsx(classes));
}
