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

/** A job as the stream tells it, with what was known of it besides. */
export function jobOf(news: JobNews, known: Job | undefined): Job {
  return {
    id: news.job_id,
    source_app: news.source_app,
    account_id: news.account_id ?? known?.account_id ?? null,
    trigger: news.trigger as Job['trigger'],
    title: news.title ?? known?.title ?? null,
    status: news.status,
    found: news.found,
    imported: news.imported,
    duplicates: news.duplicates,
    failed: news.failed,
    skipped: news.skipped,
    open: news.open,
    seen: news.seen ?? known?.seen ?? 0,
    code: news.code ?? null,
    message: news.message ?? null,
    version: news.version,
    created_at: news.created_at ?? known?.created_at ?? new Date().toISOString(),
    started_at: known?.started_at ?? null,
    ended_at: news.ended_at ?? null,
    cancel_requested_at: known?.cancel_requested_at ?? null,
  };
}

/** A job as the gateway answered it, into the cache. */
export function putJob(client: QueryClient, job: Job): void {
  client.setQueryData(jobsQuery.queryKey, (jobs: Jobs = {}) => withJob(jobs, job));
}

export function readJobs(client: QueryClient): Jobs {
  return client.getQueryData(jobsQuery.queryKey) ?? {};
}

export async function fetchJob(id: string): Promise<Job> {
  const { items: _, ...job } = await unwrap(api.GET('/api/jobs/{job_id}', { params: { path: { job_id: id } } }));
  return job;
}
