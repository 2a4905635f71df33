import { RiArrowDownSLine } from '@remixicon/react';
import { useId, useState } from 'react';
import { Button } from '@/components/ui/button';
import { cn } from '@/lib/cn';
import { count, counted } from '@/lib/numbers';
import { utcDay } from '@/lib/times';
import { FailureItems } from './failure-items';
import { causeOf, useDismissAll, useRetryAll, type Group } from './queries';

interface FailureGroupProps {
  group: Group;
  onReconnect: (source: string) => void;
}

/** One cause: how many calls, why, and what helps. Unfolded, call by call. */
export function FailureGroup({ group, onReconnect }: FailureGroupProps) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const about = group.account_email ? `${group.source_name} (${group.account_email})` : group.source_name;
  return (
    <li>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-3">
        <div className="min-w-0 flex-1 basis-60">
          <p>
            <span className="font-semibold tabular-nums">{counted(group.count, 'call')}</span>: {group.message ?? 'Could not be imported.'}
          </p>
          <p className="truncate text-muted-foreground">
            {about} · {group.titles.join(', ')}
          </p>
        </div>
        <div className="flex flex-wrap items-center gap-1">
          <Remedy group={group} about={about} onReconnect={onReconnect} />
          <Dismiss group={group} about={about} />
          <Button
            variant="ghost" size="small" aria-expanded={isOpen} aria-controls={id}
            aria-label={`Details of ${counted(group.count, 'call')} from ${about}`} onClick={() => setOpen(!isOpen)}
          >
            Details <RiArrowDownSLine aria-hidden className={cn('transition-transform', isOpen && 'rotate-180')} />
          </Button>
        </div>
      </div>
      <div id={id}>{isOpen && <FailureItems group={group} />}</div>
    </li>
  );
}

interface RemedyProps extends FailureGroupProps {
  about: string;
}

function Remedy({ group, about, onReconnect }: RemedyProps) {
  const retry = useRetryAll();
  if (group.remedy === 'none') return null;
  if (group.remedy === 'wait') {
    return (
      <Button size="small" aria-disabled title={group.message ?? undefined}>
        Retry {group.retry_from ? `on ${utcDay(group.retry_from)}` : 'then'}
      </Button>
    );
  }
  if (group.remedy === 'reconnect') {
    return (
      <Button size="small" variant="primary" onClick={() => onReconnect(group.source_app)}>
        Reconnect and retry {count(group.count)}
      </Button>
    );
  }
  return (
    <Button size="small" disabled={retry.isPending} aria-label={`Retry ${counted(group.count, 'call')} from ${about}`} onClick={() => retry.mutate(causeOf(group))}>
      Retry {count(group.count)}
    </Button>
  );
}

function Dismiss({ group, about }: { group: Group; about: string }) {
  const dismiss = useDismissAll();
  return (
    <Button
      variant="ghost" size="small" disabled={dismiss.isPending}
      aria-label={`Dismiss ${counted(group.count, 'call')} from ${about}`} onClick={() => dismiss.mutate(causeOf(group))}
    >
      Dismiss
    </Button>
  );
}
