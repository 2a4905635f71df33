import type { ReactNode } from 'react';
import { Progress } from '@/components/ui/progress';
import { cn } from '@/lib/cn';

interface ProgressRowProps {
  title: string;
  /** The size, say; and a remark. */
  facts?: ReactNode;
  sentence: string;
  tone: 'normal' | 'success' | 'danger';
  progress?: number | null | undefined;
  actions?: ReactNode;
}

/** A file or a link on its way: what it is, where it stands, how far. */
export function ProgressRow({ title, facts, sentence, tone, progress, actions }: ProgressRowProps) {
  return (
    <li className="grid min-h-16 grid-cols-[minmax(0,1fr)_auto] items-center gap-x-3 px-4 py-2">
      <div className="min-w-0">
        <p className="flex items-baseline gap-2">
          <span className="truncate font-medium" title={title}>
            {title}
          </span>
          {facts && <span className="shrink-0 text-muted-foreground tabular-nums">{facts}</span>}
        </p>
        <p
          className={cn(
            'tabular-nums',
            tone === 'normal' && 'text-muted-foreground',
            tone === 'success' && 'text-success',
            tone === 'danger' && 'text-danger',
          )}
        >
          {sentence}
        </p>
      </div>
      <div className="flex items-center gap-1">{actions}</div>
      <div className="col-span-2 mt-1 h-1.5">
        {progress !== undefined && <Progress value={progress} label={`${title}: ${sentence}`} />}
      </div>
    </li>
  );
}
