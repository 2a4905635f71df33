import type { ReactNode } from 'react';
import { SourceIcon } from '@/components/source-icon';
import { Card } from '@/components/ui/card';
import { Progress } from '@/components/ui/progress';
import type { CardState } from './card-state';
import { StatusBadge } from './status-badge';

interface CardFrameProps {
  icon: string;
  name: string;
  /** The account, or what the source takes. */
  subtitle: string | null;
  state: CardState;
  toggle?: ReactNode;
  cancel?: ReactNode;
  facts: ReactNode;
  times: ReactNode;
  actions: ReactNode;
}

/** The card of a source: of one height in every state, each line in its place. */
export function CardFrame({ icon, name, subtitle, state, toggle, cancel, facts, times, actions }: CardFrameProps) {
  const heading = subtitle ? `${name}, ${subtitle}` : name;
  return (
    <Card aria-label={heading} className="flex h-52 flex-col px-4 pt-3 pb-2.5" data-status={state.status}>
      <div className="flex h-8 items-center gap-2">
        <SourceIcon icon={icon} />
        <h2 className="min-w-0 truncate font-semibold">{name}</h2>
        <div className="ml-auto flex items-center gap-3">
          <StatusBadge status={state.status} />
          {toggle}
        </div>
      </div>
      <p className="truncate text-muted-foreground" title={subtitle ?? undefined}>
        {subtitle ?? ' '}
      </p>
      <div className="mt-3 h-12">
        {state.progress === undefined ? (
          <p className="line-clamp-2" title={state.sentence}>
            {state.sentence}
          </p>
        ) : (
          <SyncLine name={name} state={state} cancel={cancel} />
        )}
      </div>
      <p className="mt-auto truncate text-muted-foreground tabular-nums">{facts}</p>
      <div className="flex h-9 items-center">
        <p className="min-w-0 flex-1 truncate text-muted-foreground">{times}</p>
        {actions}
      </div>
    </Card>
  );
}

function SyncLine({ name, state, cancel }: { name: string; state: CardState; cancel: ReactNode }) {
  return (
    <>
      <div className="flex h-7 items-center gap-2">
        <p className="min-w-0 flex-1 truncate tabular-nums">{state.sentence}</p>
        {cancel}
      </div>
      <Progress value={state.progress ?? null} label={`${name} sync`} className="mt-1.5" />
    </>
  );
}
