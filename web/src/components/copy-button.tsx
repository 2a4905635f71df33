import { RiCheckLine, RiFileCopyLine } from '@remixicon/react';
import { useState } from 'react';
import { toast } from 'sonner';
import { announce } from './live-region';
import { Button } from './ui/button';

/** Copies a text, and says that it did. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      announce('Copied');
      setTimeout(() => setCopied(false), 2000);
    } catch {
      toast.error('The browser did not let us copy. Mark the text and copy it yourself.');
    }
  };
  return (
    <Button size="small" onClick={() => void copy()}>
      {isCopied ? <RiCheckLine aria-hidden /> : <RiFileCopyLine aria-hidden />}
      {isCopied ? 'Copied' : label}
    </Button>
  );
}
