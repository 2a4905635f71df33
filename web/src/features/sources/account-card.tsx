import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useEffect } from 'react';
import { usageQuery } from '@/api/me';
import type { Account, Source } from '@/api/sources';
import { announce } from '@/components/live-region';
import { RelativeTime } from '@/components/relative-time';
import { Button } from '@/components/ui/button';
import { Switch } from '@/components/ui/switch';
import { idle } from '@/lib/idle';
import { useNow } from '@/lib/now';
import { counted } from '@/lib/numbers';
import { activityQuery } from '@/live/activity';
import { isOpen, jobsQuery, type Job, type Jobs } from '@/live/jobs';
import { AccountButton } from './account-button';
import { arrival, stateOf, type CardState } from './card-state';
import { CardFrame } from './card-frame';
import { MainButton } from './main-button';
import { useCancel, usePause } from './use-account-actions';

const AccountMenu = lazy(() => idle().then(() => import('./account-menu')).then((module) => ({ default: module.AccountMenu })));

export function AccountCard({ source, account }: { source: Source; account: Account }) {
  const job = useJob(account);
  const state = useCardState(source, account, job);
  const pause = usePause(account);
  const canSwitch = account.status === 'active' || account.status === 'paused';
  useAnnounced(source.name, state);
  return (
    <CardFrame
      icon={source.icon}
      name={source.name}
      subtitle={account.email}
      state={state}
      toggle={
        <Switch
          aria-label={`Import from ${source.name}${account.email ? ` (${account.email})` : ''}`}
          checked={account.is_active}
          disabled={!canSwitch || pause.isPending}
          onCheckedChange={(checked) => pause.mutate(!checked)}
        />
      }
      cancel={job && isOpen(job) && <Cancel job={job} name={source.name} />}
      facts={`${counted(countOf(account, job), 'call')} · ${arrival(account)}`}
      times={
        account.last_sync_at ? (
          <>
            Last sync <RelativeTime time={account.last_sync_at} />
          </>
        ) : (
          'Not synced yet'
        )
      }
      actions={
        <>
          <MainButton source={source} account={account} action={state.action} />
          <Suspense fallback={<AccountButton source={source} account={account} disabled />}>
            <AccountMenu source={source} account={account} />
          </Suspense>
        </>
      }
    />
  );
}

/** Calls in the library: those that were counted, and what the sync that the stream tells of has imported since. */
function countOf(account: Account, job: Job | null): number {
  const known = account.job?.id === job?.id ? account.job?.imported : 0;
  return account.count + Math.max(0, (job?.imported ?? 0) - (known ?? 0));
}

/** The account's latest sync: what the stream told last, if it told of it. */
function useJob(account: Account): Job | null {
  const { data: latest } = useQuery({ ...jobsQuery, select: (jobs: Jobs) => latestOf(jobs, account) });
  return latest ?? account.job;
}

function latestOf(jobs: Jobs, account: Account): Job | null {
  let latest = account.job ? newer(jobs[account.job.id], account.job) : null;
  for (const job of Object.values(jobs)) {
    const isSync = job.account_id === account.id && job.trigger !== 'webhook';
    if (isSync && (!latest || job.created_at > latest.created_at)) latest = job;
  }
  return latest;
}

function newer(live: Job | undefined, told: Job): Job {
  return live && live.version > told.version ? live : told;
}

function useCardState(source: Source, account: Account, job: Job | null): CardState {
  const { data: usage } = useQuery(usageQuery);
  const isRunning = job !== null && isOpen(job);
  const { data: activity } = useQuery({ ...activityQuery, select: (all) => (job && isRunning ? all[job.id] : undefined) });
  const isWaiting = activity?.doing === 'waiting';
  return stateOf({ source, account, job, activity, usage, now: useNow(isWaiting ? 'quick' : 'slow') });
}

/** Read out when a sync begins, waits or ends; not each call. */
function useAnnounced(name: string, state: CardState) {
  const stage = state.progress === undefined ? null : state.sentence.replace(/\d.*$/, '').trim();
  useEffect(() => {
    if (stage) announce(`${name}: ${stage}`);
  }, [name, stage]);
}

function Cancel({ job, name }: { job: Job; name: string }) {
  const cancel = useCancel();
  return (
    <Button
      variant="ghost"
      size="small"
      aria-label={`Cancel ${name} sync`}
      disabled={cancel.isPending || job.cancel_requested_at !== null}
      onClick={() => cancel.mutate(job.id)}
    >
      Cancel
    </Button>
  );
}
