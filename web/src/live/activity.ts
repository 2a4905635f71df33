import { queryOptions } from '@tanstack/react-query';

/** What a task is doing: at most one a second for each item, and any may be lost. */
export interface Activity {
  job_id: string;
  item_id: string;
  doing: 'reading' | 'transcribing' | 'waiting' | 'publishing';
  until: string | null;
  seconds_done: number | null;
  seconds_total: number | null;
}

/** The latest activity by job. */
export type Activities = Readonly<Record<string, Activity>>;

export const activityQuery = queryOptions({
  queryKey: ['activity'],
  queryFn: (): Activities => ({}),
  initialData: {} as Activities,
  staleTime: Infinity,
  gcTime: Infinity,
});

/** The activities with this one. What waits does not hide another item of the job that moves. */
export function withActivity(known: Activities, next: Activity, now: number): Activities {
  const last = known[next.job_id];
  const isSlower = next.doing === 'waiting' && last && last.item_id !== next.item_id && !isWaiting(last, now);
  return isSlower && last.doing === 'transcribing' ? known : { ...known, [next.job_id]: next };
}

/** Whether it waits, and its wait is not over yet. */
export function isWaiting(activity: Activity | undefined, now: number): boolean {
  return activity?.doing === 'waiting' && activity.until !== null && new Date(activity.until).getTime() > now;
}
