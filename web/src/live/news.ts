import type { QueryClient } from '@tanstack/react-query';
import type { Schemas } from '@/api/client';
import { activityQuery, withActivity, type Activities, type Activity } from './activity';
import { fetchJob, isOpen, jobsQuery, putJob, readJobs, withJob, withProgress, type Job, type Jobs, type Progress } from './jobs';

export type Snapshot = Schemas['Snapshot'];
export type AccountState = Schemas['AccountState'];
export type Changed = Omit<AccountState, 'id'> & { account_id: string };

/** Called once for each import that ends while somebody looks. */
export type OnEnd = (job: Job) => void;

/**
 * Takes what the stream tells into the query cache. Of jobs and accounts the highest version is kept, so it does
 * not matter what comes twice, late, or again after a cut. What no event carries (counts on cards, causes of
 * failures, usage) is asked for again when something has changed it.
 */
export class News {
  private readonly ended = new Set<string>();
  private readonly asked = new Set<string>();
  private readonly accounts = new Map<string, number>();
  private hasBegun = false;

  constructor(
    private readonly client: QueryClient,
    private readonly onEnd: OnEnd,
  ) {}

  /** How everything stands: at the start, and after each cut. */
  snapshot(snapshot: Snapshot): void {
    const before = readJobs(this.client);
    this.client.setQueryData(jobsQuery.queryKey, (jobs: Jobs = {}) => snapshot.jobs.reduce(withJob, jobs));
    for (const job of snapshot.jobs) {
      const wasOpen = before[job.id] ? isOpen(before[job.id] as Job) : this.hasBegun;
      if (!isOpen(job)) this.end(job, wasOpen);
    }
    for (const account of snapshot.accounts) this.accounts.set(account.id, account.version);
    if (this.hasBegun) this.askAgain('sources', 'failures', 'usage', 'recordings');
    this.hasBegun = true;
  }

  /** A job's counters have moved. */
  progress(progress: Progress): void {
    const before = readJobs(this.client);
    const known = before[progress.job_id];
    if (!known) {
      void this.learn(progress.job_id);
      return;
    }
    const after = withProgress(before, progress);
    if (after === before) return;
    this.client.setQueryData(jobsQuery.queryKey, after);
    const job = after[progress.job_id] as Job;
    if (!isOpen(job)) this.end(job, true);
    else if (job.failed !== known.failed) this.askAgain('failures');
    if (job.title === null && job.found > 0) void this.learn(job.id);
  }

  /** What a task is doing. */
  activity(activity: Activity): void {
    this.client.setQueryData(activityQuery.queryKey, (known: Activities = {}) =>
      withActivity(known, activity, Date.now()),
    );
    if (!readJobs(this.client)[activity.job_id]) void this.learn(activity.job_id);
  }

  /** An account stands in another way. */
  source(changed: Changed): void {
    if (changed.version <= (this.accounts.get(changed.account_id) ?? 0)) return;
    this.accounts.set(changed.account_id, changed.version);
    this.askAgain('sources', 'failures');
  }

  /** Ask who it is, once for each thing that is not known of it. */
  private async learn(id: string): Promise<void> {
    if (this.asked.has(id)) return;
    this.asked.add(id);
    try {
      const { items: _, ...job } = await fetchJob(id);
      putJob(this.client, job);
      const now = readJobs(this.client)[id] ?? job;
      if (now.title === null && job.title !== null) {
        this.client.setQueryData(jobsQuery.queryKey, (jobs: Jobs = {}) => ({ ...jobs, [id]: { ...now, title: job.title } }));
      }
      if (isOpen(now)) this.askAgain('sources');
      else this.end(now, true);
    } finally {
      this.asked.delete(id);
    }
  }

  private end(job: Job, isNews: boolean): void {
    if (this.ended.has(`${job.id}.${job.version}`)) return;
    this.ended.add(`${job.id}.${job.version}`);
    if (!isNews) return;
    this.askAgain('sources', 'failures', 'usage', 'recordings');
    this.onEnd(job);
  }

  private askAgain(...keys: string[]): void {
    for (const key of keys) void this.client.invalidateQueries({ queryKey: [key] });
  }
}
