import type { Import, Item } from '@/api/imports';
import { duration, wait } from '@/lib/durations';
import { counted } from '@/lib/numbers';
import { isWaiting, type Activity } from './activity';
import { isOpen, type Job } from './jobs';

/** What a row says of an import of a file or of links. */
export interface ImportState {
  sentence: string;
  tone: 'normal' | 'success' | 'danger';
  progress?: number | null;
  /** The call, where it is in the library. */
  recordingId: string | null;
  /** The failed call, where a retry can help. */
  retryId: string | null;
}

/** `live` is what the stream told of the job, `told` what was asked for: the newer one counts. */
export function stateOfImport(told: Import, live: Job | undefined, activity: Activity | undefined, now: number): ImportState {
  const job = live && live.version > told.version ? live : told;
  return isOpen(job) ? underWay(job, activity, now) : over(job, told);
}

function underWay(job: Job, activity: Activity | undefined, now: number): ImportState {
  const state = { tone: 'normal', recordingId: null, retryId: null } as const;
  if (job.cancel_requested_at) return { ...state, sentence: 'Cancelling…', progress: null };
  if (job.found > 1) {
    const done = job.found - job.open;
    return { ...state, sentence: `Importing ${done}/${job.found} calls`, progress: done / job.found };
  }
  if (activity?.until && isWaiting(activity, now)) {
    return { ...state, sentence: `Waiting ${wait((new Date(activity.until).getTime() - now) / 1000)}`, progress: null };
  }
  return { ...state, ...doing(activity, job) };
}

const DOING: Record<Activity['doing'], Pick<ImportState, 'sentence' | 'progress'>> = {
  reading: { sentence: 'Reading the sound…', progress: null },
  transcribing: { sentence: 'Transcribing…', progress: null },
  waiting: { sentence: 'Waiting to be transcribed', progress: null },
  publishing: { sentence: 'Putting it into your library…', progress: 1 },
};

function doing(activity: Activity | undefined, job: Job): Pick<ImportState, 'sentence' | 'progress'> {
  if (!activity) return job.found === 0 ? { sentence: 'Reading the link…', progress: null } : DOING.waiting;
  const { seconds_done: done, seconds_total: total } = activity;
  if (activity.doing !== 'transcribing' || !total) return DOING[activity.doing];
  return { sentence: `Transcribing ${duration(done ?? 0)} of ${duration(total)}`, progress: (done ?? 0) / total };
}

function over(job: Job, { item }: Import): ImportState {
  const said = job.found > 1 ? summary(job) : outcome(job, item);
  const canRetry = job.found === 1 && item?.status === 'failed' && item.retryable;
  return { ...said, recordingId: item?.recording_id ?? null, retryId: canRetry ? item.id : null };
}

function outcome(job: Job, item: Item | null): Pick<ImportState, 'sentence' | 'tone'> {
  if (job.imported > 0) return { sentence: 'In your library', tone: 'success' };
  if (job.duplicates > 0) return { sentence: 'Already in your library', tone: 'success' };
  if (job.status === 'cancelled' || item?.code === 'cancelled') return { sentence: 'Cancelled', tone: 'normal' };
  return refusal(job, item?.message ?? job.message);
}

function refusal(job: Job, why: string | null): Pick<ImportState, 'sentence' | 'tone'> {
  if (job.found === 0 && !why) return { sentence: 'Nothing new', tone: 'normal' };
  return { sentence: why ?? 'It could not be imported.', tone: 'danger' };
}

function summary(job: Job): Pick<ImportState, 'sentence' | 'tone'> {
  const parts = [`${counted(job.imported, 'call')} imported`];
  if (job.duplicates > 0) parts.push(`${counted(job.duplicates, 'duplicate')} skipped`);
  if (job.failed > 0) parts.push(`${job.failed} failed`);
  if (job.skipped > 0) parts.push(`${job.skipped} left out`);
  return { sentence: parts.join(', '), tone: job.failed > 0 ? 'danger' : 'success' };
}
