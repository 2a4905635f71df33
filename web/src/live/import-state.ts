import type { Import } from '@/api/imports';
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

function doing(activity: Activity | undefined, job: Job): Pick<ImportState, 'sentence' | 'progress'> {
  const { seconds_done: done, seconds_total: total } = activity ?? {};
  if (activity?.doing === 'transcribing' && total) {
    return { sentence: `Transcribing ${duration(done ?? 0)} of ${duration(total)}`, progress: (done ?? 0) / total };
  }
  if (activity?.doing === 'transcribing') return { sentence: 'Transcribing…', progress: null };
  if (activity?.doing === 'publishing') return { sentence: 'Putting it into your library…', progress: 1 };
  if (activity?.doing === 'reading') return { sentence: 'Reading the sound…', progress: null };
  return { sentence: job.found === 0 ? 'Reading the link…' : 'Waiting to be transcribed', progress: null };
}

function over(job: Job, { item }: Import): ImportState {
  const state = { recordingId: item?.recording_id ?? null, retryId: null };
  if (job.found > 1) return { ...state, ...summary(job) };
  if (job.imported > 0) return { ...state, sentence: 'In your library', tone: 'success' };
  if (job.duplicates > 0) return { ...state, sentence: 'Already in your library', tone: 'success' };
  if (job.status === 'cancelled' || item?.code === 'cancelled') return { ...state, sentence: 'Cancelled', tone: 'normal' };
  if (job.found === 0 && !job.message) return { ...state, sentence: 'Nothing new', tone: 'normal' };
  const sentence = item?.message ?? job.message ?? 'It could not be imported.';
  return { ...state, sentence, tone: 'danger', retryId: item?.status === 'failed' && item.retryable ? item.id : null };
}

function summary(job: Job): Pick<ImportState, 'sentence' | 'tone'> {
  const parts = [`${counted(job.imported, 'call')} imported`];
  if (job.duplicates > 0) parts.push(`${counted(job.duplicates, 'duplicate')} skipped`);
  if (job.failed > 0) parts.push(`${job.failed} failed`);
  if (job.skipped > 0) parts.push(`${job.skipped} left out`);
  return { sentence: parts.join(', '), tone: job.failed > 0 ? 'danger' : 'success' };
}
