import type { QueryClient } from '@tanstack/react-query';
import type { Schemas } from '@/api/client';
import { sourcesQuery, type Attempt, type Source } from '@/api/sources';
import { activityQuery, withActivity, type Activities, type Activity } from './activity';
import { askAgain, firstAnswers, untilAnswered } from './asking';
import { isOpen, jobOf, jobsQuery, readJobs, withJob, type Job, type JobNews, type Jobs } from './jobs';
import { hasMissed } from './missed';

export type Snapshot = Schemas['Snapshot'];
export type ConnectorState = Schemas['ConnectorState'];
export type Changed = Schemas['SourceChanged'];

/** Called once for each import that ends while somebody looks. */
export type OnEnd = (job: Job) => void;

/** Counted by the gateway over many rows, so no event carries it: asked for again when an import has moved it. */
const COUNTED = ['sources', 'failures', 'usage', 'recordings', 'imports'];

/**
 * Takes what the stream tells into the query cache. Of jobs and accounts the highest version is kept, so it does
 * not matter what comes twice, late, or again after a cut.
 */
export class News {
  private readonly ended = new Set<string>();
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
    this.client.setQueryData(activityQuery.queryKey, snapshot.activities.reduce(withActivity, {}));
    for (const job of snapshot.jobs) {
      const known = before[job.id];
      if (!isOpen(job)) this.end(job, known ? isOpen(known) : this.hasBegun);
    }
    for (const account of snapshot.accounts) this.accounts.set(account.id, account.version);
    if (this.hasBegun) askAgain(this.client, ...COUNTED);
    else void this.catchUp(snapshot);
    this.hasBegun = true;
  }

  /** The first answers may be from before the first snapshot, and come after it, as may whoever takes them. */
  private async catchUp(snapshot: Snapshot): Promise<void> {
    await untilAnswered(this.client, 'sources');
    await Promise.allSettled(firstAnswers(this.client, ...COUNTED));
    if (hasMissed(this.client, snapshot)) askAgain(this.client, ...COUNTED);
  }

  /** A job's counters have moved. */
  progress(news: JobNews): void {
    const jobs = readJobs(this.client);
    const known = jobs[news.job_id];
    if (known && known.version >= news.version) return;
    const job = jobOf(news, known);
    this.client.setQueryData(jobsQuery.queryKey, { ...jobs, [job.id]: job });
    if (!isOpen(job)) return this.end(job, true);
    if (!known || known.title !== job.title) askAgain(this.client, job.account_id ? 'sources' : 'imports');
    if (job.failed !== (known?.failed ?? 0)) askAgain(this.client, 'failures');
  }

  /** What a task is doing. */
  activity(activity: Activity): void {
    this.client.setQueryData(activityQuery.queryKey, (known: Activities = {}) => withActivity(known, activity));
  }

  /** An account stands in another way. */
  source(changed: Changed): void {
    if (changed.version <= (this.accounts.get(changed.account_id) ?? 0)) return;
    this.accounts.set(changed.account_id, changed.version);
    askAgain(this.client, 'sources', 'failures');
  }

  /** A try at connecting goes on, or has failed. */
  attempt(attempt: Attempt): void {
    if (attempt.status === 'done') return askAgain(this.client, 'sources', 'failures');
    this.changeSource(attempt.source_app, { attempt });
  }

  /** A source's connector has begun or ceased to run. */
  connector({ source, is_running }: ConnectorState): void {
    this.changeSource(source, { is_running });
  }

  private changeSource(name: string, change: Partial<Source>): void {
    const isKnown = this.client.getQueryData(sourcesQuery.queryKey)?.some(({ source }) => source === name);
    if (!isKnown) return askAgain(this.client, 'sources');
    this.client.setQueryData(sourcesQuery.queryKey, (sources?: Source[]) =>
      sources?.map((source) => (source.source === name ? { ...source, ...change } : source)),
    );
  }

  private end(job: Job, isNews: boolean): void {
    const ending = `${job.id} ${job.ended_at ?? ''}`;
    if (this.ended.has(ending)) return;
    this.ended.add(ending);
    if (!isNews) return;
    askAgain(this.client, ...COUNTED);
    this.onEnd(job);
  }
}
