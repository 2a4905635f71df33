import { RiCloseLine } from '@remixicon/react';
import { Dialog as Primitive } from 'radix-ui';
import { useState, type ComponentProps } from 'react';
import { cn } from '@/lib/cn';
import { Button } from './button';

export const Dialog = Primitive.Root;
export const DialogTrigger = Primitive.Trigger;
export const DialogClose = Primitive.Close;

/**
 * With a backdrop of its own: Radix's would write a style into the page, which the security policy refuses.
 */
export function DialogContent({ className, children, ...props }: ComponentProps<typeof Primitive.Content>) {
  const [opener] = useState(findOpener);
  return (
    <Primitive.Portal>
      <div
        data-slot="dialog-backdrop"
        className="fixed inset-0 z-40 flex items-end justify-center overflow-y-auto overscroll-contain bg-backdrop p-0 sm:items-center sm:p-6"
      >
        <Primitive.Content
          data-slot="dialog-content"
          aria-modal="true"
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            opener?.focus();
          }}
          className={cn(
            'relative w-full max-w-lg animate-appear rounded-t-xl border bg-card p-5 shadow-lg sm:rounded-xl',
            'max-h-[90dvh] overflow-y-auto overscroll-contain',
            className,
          )}
          {...props}
        >
          {children}
          <Primitive.Close asChild>
            <Button variant="ghost" size="icon" className="absolute top-3 right-3" aria-label="Close">
              <RiCloseLine aria-hidden />
            </Button>
          </Primitive.Close>
        </Primitive.Content>
      </div>
    </Primitive.Portal>
  );
}

/** What gets the focus back: what had it, or whatever opened the menu in which it was. */
function findOpener(): HTMLElement | null {
  const active = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  const menu = active?.closest('[role=menu]');
  return menu ? document.getElementById(menu.getAttribute('aria-labelledby') ?? '') : active;
}

export function DialogTitle({ className, ...props }: ComponentProps<typeof Primitive.Title>) {
  return <Primitive.Title className={cn('pr-8 text-base font-semibold', className)} {...props} />;
}

export function DialogDescription({ className, ...props }: ComponentProps<typeof Primitive.Description>) {
  return <Primitive.Description className={cn('mt-1 text-muted-foreground', className)} {...props} />;
}

export function DialogFooter({ className, ...props }: ComponentProps<'div'>) {
  return <div className={cn('mt-5 flex flex-wrap justify-end gap-2', className)} {...props} />;
}
