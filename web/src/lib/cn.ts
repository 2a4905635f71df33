import { clsx, type ClassValue } from 'clsx';
import { createTailwindMerge } from 'tailwind-merge';
import { CLASS_GROUPS, WIDER_GROUPS } from './class-groups';

const merge = createTailwindMerge(() => ({
  cacheSize: 500,
  theme: {},
  classGroups: CLASS_GROUPS,
  conflictingClassGroups: WIDER_GROUPS,
  conflictingClassGroupModifiers: {},
  orderSensitiveModifiers: [],
}));

/** Class names, where a later one of Tailwind's wins over an earlier one for the same property. */
export function cn(...classes: ClassValue[]): string {
  return merge(clsx(classes));
}
