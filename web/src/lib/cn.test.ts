import { twMerge } from 'tailwind-merge';
import { describe, expect, it } from 'vitest';
import { cn } from './cn';

const COMPONENTS = [
  'inline-flex shrink-0 items-center gap-1.5 rounded-md font-medium disabled:opacity-50 [&_svg]:size-4 border border-control bg-card hover:bg-muted size-8',
  'relative w-full max-w-lg rounded-t-xl border bg-card p-5 shadow-lg sm:rounded-xl max-h-[90dvh]',
  'block h-1.5 w-full rounded-full bg-muted',
  'w-full rounded-md border border-control bg-card px-3 h-9 min-h-9 py-2 aria-invalid:border-danger',
  'm-4 grid gap-1 rounded-lg border border-dashed border-control px-4 py-6 text-center',
  'inline-flex items-center gap-1 text-[0.8125rem] whitespace-nowrap text-muted-foreground [&_svg]:size-3.5',
  'pr-8 text-base font-semibold mt-1',
];
const CHANGES = [
  '-mr-1.5 size-7 disabled:opacity-100', 'absolute top-3 right-3', 'max-w-40 sm:max-w-60', 'max-w-md', 'h-1', 'pl-9', 'mx-4 mb-3 h-12',
  'rounded-lg h-96', 'border-accent bg-accent-soft', 'ml-2 font-normal', 'sm:mt-[1.625rem]', 'flex h-52 flex-col px-4 pt-3 pb-2.5',
  'w-1/3 animate-pulse', 'p-4', 'px-2', 'text-danger', 'hidden', 'gap-2', 'border-t', 'min-h-0',
];

describe('classes', () => {
  it.each(COMPONENTS)('%s are changed as by the whole list of Tailwind', (own) => {
    for (const change of CHANGES) expect(cn(own, change)).toBe(twMerge(own, change));
  });
});
