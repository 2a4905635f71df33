import { DropdownMenu as Primitive } from 'radix-ui';
import type { ComponentProps } from 'react';
import { cn } from '@/lib/cn';

/** Not modal: a modal one would write a style into the page, which the security policy refuses. */
export function DropdownMenu(props: ComponentProps<typeof Primitive.Root>) {
  return <Primitive.Root modal={false} {...props} />;
}

export const DropdownMenuTrigger = Primitive.Trigger;

/** In its place in the page, so that it stays within the landmark of what has opened it. */
export function DropdownMenuContent({ className, ...props }: ComponentProps<typeof Primitive.Content>) {
  return (
    <Primitive.Content
      data-slot="dropdown-menu-content"
      align="end"
      sideOffset={4}
      collisionPadding={8}
      className={cn('z-30 min-w-44 animate-appear rounded-lg border bg-card p-1 shadow-lg', className)}
      {...props}
    />
  );
}

const ITEM = [
  'flex h-8 cursor-pointer items-center gap-2 rounded-md px-2.5 outline-none select-none [&_svg]:size-4',
  'data-disabled:cursor-default data-disabled:opacity-50 data-highlighted:bg-muted',
];

export function DropdownMenuItem({ className, ...props }: ComponentProps<typeof Primitive.Item>) {
  return <Primitive.Item data-slot="dropdown-menu-item" className={cn(ITEM, className)} {...props} />;
}

export const DropdownMenuRadioGroup = Primitive.RadioGroup;

export function DropdownMenuRadioItem({ className, ...props }: ComponentProps<typeof Primitive.RadioItem>) {
  return <Primitive.RadioItem className={cn(ITEM, 'data-[state=checked]:font-semibold', className)} {...props} />;
}

export function DropdownMenuSeparator() {
  return <Primitive.Separator className="my-1 border-t" />;
}
