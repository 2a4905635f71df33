import { useQuery } from '@tanstack/react-query';
import { isUsedUp, usageQuery, type Usage } from '@/api/me';
import { Progress } from '@/components/ui/progress';
import { cn } from '@/lib/cn';
import { count, counted } from '@/lib/numbers';

/** How much of the month's imports is used, for the page's head. */
export function UsageMeter() {
  const { data: usage } = useQuery(usageQuery);
  if (!usage) return <div className="h-7 w-44" />;
  return (
    <div className="grid gap-1 text-[0.8125rem] tabular-nums" title={usage.message ?? undefined}>
      <span className={cn('whitespace-nowrap', isUsedUp(usage) && 'font-semibold text-warning')}>{sentenceFor(usage)}</span>
      {usage.limit !== null && <Progress value={usage.used / usage.limit} label="Imports used this month" className="h-1" />}
    </div>
  );
}

export function sentenceFor({ used, limit }: Usage): string {
  if (limit === null) return `${counted(used, 'import')} this month`;
  return `${count(used)} of ${count(limit)} imports used this month`;
}

/** What happens next where the month is used up or nearly; nothing else. */
export function UsageNotice() {
  const { data: usage } = useQuery(usageQuery);
  if (!usage?.message) return null;
  return (
    <p role="status" className="mb-4 rounded-lg border bg-card px-4 py-3">
      {!isUsedUp(usage) && <strong className="font-semibold">{sentenceFor(usage)}.</strong>} {usage.message}
    </p>
  );
}
