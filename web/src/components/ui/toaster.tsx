import { RiCheckLine, RiErrorWarningLine, RiInformationLine } from '@remixicon/react';
import { Toaster as Sonner } from 'sonner';
import { useTheme } from '@/lib/theme';

export function Toaster() {
  return (
    <Sonner
      theme={useTheme()}
      position="bottom-right"
      closeButton
      duration={8000}
      icons={{
        success: <RiCheckLine aria-hidden className="size-5 text-success" />,
        warning: <RiErrorWarningLine aria-hidden className="size-5 text-warning" />,
        error: <RiErrorWarningLine aria-hidden className="size-5 text-danger" />,
        info: <RiInformationLine aria-hidden className="size-5 text-accent" />,
      }}
      toastOptions={{
        classNames: {
          toast: '!rounded-lg !border !border-border !bg-card !text-foreground !font-sans !shadow-lg',
          description: '!text-muted-foreground',
          actionButton: '!bg-transparent !text-accent !font-medium !underline !underline-offset-4',
          closeButton: '!bg-card !text-foreground !border-control',
        },
      }}
    />
  );
}
