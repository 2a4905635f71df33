import { useQuery } from '@tanstack/react-query';
import { Button } from '@/components/ui/button';
import { TitledCard } from '@/components/ui/card';
import { count } from '@/lib/numbers';
import { FailureGroup } from './failure-group';
import { causeOf, failuresQuery, useRetryAll, type Group } from './queries';

interface FailuresPanelProps {
  /** Connect an account anew: what failed for want of it is then fetched by itself. */
  onReconnect: (source: string) => void;
}

/** What could not be imported, by cause. Nothing is here while nothing has failed. */
export function FailuresPanel({ onReconnect }: FailuresPanelProps) {
  const { data: failures } = useQuery(failuresQuery);
  const retryAll = useRetryAll();
  if (!failures || failures.count === 0) return null;
  const retryable = failures.groups.filter((group) => group.remedy === 'retry').reduce((sum, group) => sum + group.count, 0);
  return (
    <TitledCard
      title="Failed imports"
      id="failed"
      action={
        retryable > 0 && (
          <Button size="small" disabled={retryAll.isPending} onClick={() => retryAll.mutate({})}>
            Retry all ({count(retryable)})
          </Button>
        )
      }
    >
      <ul aria-label="Causes" className="divide-y">
        {failures.groups.map((group) => (
          <FailureGroup key={keyOf(group)} group={group} onReconnect={onReconnect} />
        ))}
      </ul>
    </TitledCard>
  );
}

function keyOf(group: Group): string {
  return Object.values(causeOf(group)).join(' ');
}
