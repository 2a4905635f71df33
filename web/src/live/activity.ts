import { queryOptions } from '@tanstack/react-query';
import type { Schemas } from '@/api/client';

/** What a task is doing: at most one a second for each item, and any may be lost. */
export type Activity = Schemas['ImportActivity'];

/** The latest activity by job. */
export type Activities = Readonly<Record<string, Activity>>;

export const activityQuery = queryOptions({
  queryKey: ['activity'],
  queryFn: (): Activities => ({}),
  initialData: {} as Activities,
  staleTime: Infinity,
  gcTime: Infinity,
});

/** The activities with this one. An item that waits does not hide another one of the job that moves. */
export function withActivity(known: Activities, next: Activity): Activities {
  const last = known[next.job_id];
  const hides = next.doing === 'waiting' && last?.doing === 'transcribing' && last.item_id !== next.item_id;
  return hides ? known : { ...known, [next.job_id]: next };
}

/** Whether it waits, and its wait is not over yet. */
export function isWaiting(activity: Activity | undefined, now: number): boolean {
  return activity?.doing === 'waiting' && Boolean(activity.until) && new Date(activity.until as string).getTime() > now;
}
