import { isUsedUp, type Usage } from '@/api/me';
import type { Account, Source } from '@/api/sources';
import { wait } from '@/lib/durations';
import { count, counted } from '@/lib/numbers';
import { utcDay } from '@/lib/times';
import { isWaiting, type Activity } from '@/live/activity';
import { isOpen, type Job } from '@/live/jobs';

export type Status = 'active' | 'syncing' | 'paused' | 'error' | 'limit' | 'disconnected' | 'connecting' | 'offline';
export type MainAction = 'sync' | 'reconnect' | 'resume' | 'none';

/** What a card shows of its state: a badge, one sentence, perhaps a bar, at most one main button. */
export interface CardState {
  status: Status;
  sentence: string;
  /** How far the sync is, 0 to 1; null where that is not known; undefined where none runs. */
  progress?: number | null;
  action: MainAction;
}

export interface Circumstances {
  source: Source;
  account: Account;
  job: Job | null;
  activity: Activity | undefined;
  usage: Usage | undefined;
  now: number;
}

/** The first of these that applies. */
export function stateOf(at: Circumstances): CardState {
  return ofAccess(at) ?? ofSync(at) ?? ofTrouble(at) ?? idle(at);
}

function ofAccess({ source, account }: Circumstances): CardState | null {
  if (account.status === 'disconnected') {
    return {
      status: 'disconnected',
      sentence: account.message ?? 'Your imported calls are kept. Connect it again to go on.',
      action: source.is_running ? 'reconnect' : 'none',
    };
  }
  if (account.status === 'error') {
    return {
      status: 'error',
      sentence: [account.message ?? `${source.name} asks you to sign in again.`, waiting(account)].join(' ').trim(),
      action: 'reconnect',
    };
  }
  if (account.status === 'paused') {
    const sentence = waiting(account) || 'Nothing is imported until you switch it on.';
    return { status: 'paused', sentence, action: 'resume' };
  }
  if (!source.is_running) {
    const sentence = `The connector of ${source.name} is not running. It goes on by itself once it is back.`;
    return { status: 'offline', sentence, action: 'none' };
  }
  return null;
}

function waiting(account: Account): string {
  if (account.waiting === 0) return '';
  return `${counted(account.waiting, 'call')} ${account.waiting === 1 ? 'is' : 'are'} waiting for you.`;
}

function ofSync({ source, job, activity, now }: Circumstances): CardState | null {
  if (!job || !isOpen(job)) return null;
  const done = job.found - job.open;
  const progress = job.found > 0 ? done / job.found : null;
  const state = { status: 'syncing', progress, action: 'none' } as const;
  if (job.cancel_requested_at) return { ...state, sentence: 'Cancelling…' };
  if (activity?.until && isWaiting(activity, now)) {
    const seconds = (new Date(activity.until).getTime() - now) / 1000;
    return { ...state, sentence: `${source.name} asks us to wait ${wait(seconds)}` };
  }
  if (job.found === 0) return { ...state, sentence: 'Syncing… looking for calls' };
  return { ...state, sentence: `Syncing… ${count(done)}/${count(job.found)} calls` };
}

function ofTrouble({ job, usage }: Circumstances): CardState | null {
  if (isUsedUp(usage) && usage) {
    const sentence = `This month's ${count(usage.limit ?? 0)} imports are used up. More from ${utcDay(usage.resets_at)}.`;
    return { status: 'limit', sentence, action: 'sync' };
  }
  if (job?.code && job.message && job.status !== 'cancelled' && job.status !== 'completed') {
    return { status: 'error', sentence: job.message, action: 'sync' };
  }
  return null;
}

function idle({ account, job }: Circumstances): CardState {
  if (!account.last_sync_at && !job) return { status: 'active', sentence: 'The first sync begins in a moment.', action: 'sync' };
  if (job && job.failed > 0 && job.status === 'partial') {
    return { status: 'active', sentence: `${counted(job.failed, 'call')} could not be imported: see below.`, action: 'sync' };
  }
  return { status: 'active', sentence: 'Up to date.', action: 'sync' };
}

/** How calls come in. */
export function arrival(account: Account): string {
  return account.webhook.state === 'pushed' ? 'pushed as they happen' : 'checked every hour';
}
