import { queryOptions, type QueryClient } from '@tanstack/react-query';
import { api, unwrap, type Schemas } from '@/api/client';

export type Job = Schemas['Job'];
export type Jobs = Readonly<Record<string, Job>>;
export type JobNews = Schemas['JobNews'];

/** Open imports, and those that ended lately. The stream fills it; nothing asks for it. */
export const jobsQuery = queryOptions({
  queryKey: ['jobs'],
  queryFn: (): Jobs => ({}),
  initialData: {} as Jobs,
  staleTime: Infinity,
  gcTime: Infinity,
});

export function isOpen(job: Pick<Job, 'ended_at'>): boolean {
  return job.ended_at === null;
}

/** The jobs with this one; the same ones where a newer version of it is known, or this one. */
export function withJob(jobs: Jobs, job: Job): Jobs {
  const known = jobs[job.id];
  return known && known.version >= job.version ? jobs : { ...jobs, [job.id]: job };
}

/** A job as the stream tells it, with what was known of it besides: what news leaves out has not changed. */
export function jobOf({ job_id: id, account_id, title, created_at, seen, ...counters }: JobNews, known: Job | undefined): Job {
  const told = Object.fromEntries(Object.entries({ account_id, title, created_at, seen }).filter(([, value]) => value != null));
  return { ...(known ?? FRESH), ...counters, ...told, id } as Job;
}

const FRESH = {
  account_id: null,
  title: null,
  seen: 0,
  created_at: new Date().toISOString(),
  started_at: null,
  cancel_requested_at: null,
};

/** A job as the gateway answered it, into the cache. */
export function putJob(client: QueryClient, job: Job): void {
  client.setQueryData(jobsQuery.queryKey, (jobs: Jobs = {}) => withJob(jobs, job));
}

export function readJobs(client: QueryClient): Jobs {
  return client.getQueryData(jobsQuery.queryKey) ?? {};
}

export async function fetchJob(id: string): Promise<Job> {
  return unwrap(api.GET('/api/jobs/{job_id}', { params: { path: { job_id: id } } }));
}
