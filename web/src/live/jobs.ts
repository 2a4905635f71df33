import type { QueryClient } from '@tanstack/react-query';
import { queryOptions } from '@tanstack/react-query';
import { api, unwrap, type Schemas } from '@/api/client';

export type Job = Schemas['Job'];
export type Jobs = Readonly<Record<string, Job>>;

/** What the stream says of a job: its counters, not whose it is. */
export type Progress = Pick<
  Job,
  | 'source_app' | 'trigger' | 'status' | 'found' | 'imported' | 'duplicates' | 'failed' | 'skipped' | 'open'
  | 'code' | 'message' | 'version' | 'ended_at'
> & { job_id: string; seen: number | null };

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

/** The jobs with this one, unless a newer version of it is known. */
export function withJob(jobs: Jobs, job: Job): Jobs {
  const known = jobs[job.id];
  return known && known.version >= job.version ? jobs : { ...jobs, [job.id]: { ...known, ...job } };
}

/** The jobs with this progress; the same ones where it is old, or of a job that is not known. */
export function withProgress(jobs: Jobs, progress: Progress): Jobs {
  const known = jobs[progress.job_id];
  if (!known || known.version >= progress.version) return jobs;
  const { job_id: id, seen, ...told } = progress;
  return { ...jobs, [id]: { ...known, ...told, seen: seen ?? known.seen } };
}

/** A job as the gateway tells it, into the cache. */
export function putJob(client: QueryClient, job: Job): void {
  client.setQueryData(jobsQuery.queryKey, (jobs: Jobs = {}) => withJob(jobs, job));
}

export function readJobs(client: QueryClient): Jobs {
  return client.getQueryData(jobsQuery.queryKey) ?? {};
}

/** Ask for one job: for progress of one that is not known, and for a title that is not known yet. */
export async function fetchJob(id: string): Promise<Schemas['JobWithItems']> {
  return unwrap(api.GET('/api/jobs/{job_id}', { params: { path: { job_id: id } } }));
}
