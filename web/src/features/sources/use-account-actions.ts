import { useMutation, useQueryClient } from '@tanstack/react-query';
import { toast } from 'sonner';
import { api, sentenceOf, unwrap, type Schemas } from '@/api/client';
import { putAccount, sourcesQuery, type Account } from '@/api/sources';
import { fetchJob, putJob } from '@/live/jobs';

const onError = (error: unknown) => void toast.error(sentenceOf(error));

/** Pause or resume, at once on the page; taken back where the gateway refuses. */
export function usePause(account: Account) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (paused: boolean) =>
      unwrap(api.PATCH('/api/accounts/{account_id}', { params: { path: { account_id: account.id } }, body: { paused } })),
    onMutate: (paused) => putAccount(client, { ...account, status: paused ? 'paused' : 'active', is_active: !paused }),
    onSuccess: (changed) => putAccount(client, changed),
    onError: (error) => {
      putAccount(client, account);
      onError(error);
    },
  });
}

export function useOptions(account: Account) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (options: Record<string, boolean>) =>
      unwrap(api.PATCH('/api/accounts/{account_id}', { params: { path: { account_id: account.id } }, body: { options } })),
    onSuccess: (changed) => putAccount(client, changed),
  });
}

/** Look for calls: new ones, or those of a range of days. */
export function useSync(account: Account) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (range: Schemas['SyncRequest']) =>
      unwrap(api.POST('/api/accounts/{account_id}/sync', { params: { path: { account_id: account.id } }, body: range })),
    onSuccess: ({ job }) => {
      putJob(client, job);
      putAccount(client, { ...account, job });
    },
    onError,
  });
}

export function useDisconnect(account: Account, name: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.DELETE('/api/accounts/{account_id}', { params: { path: { account_id: account.id } } })),
    onSuccess: () => {
      toast.success(`${name} disconnected`, { description: 'Your calls are yours.' });
      return client.invalidateQueries({ queryKey: sourcesQuery.queryKey });
    },
    onError,
  });
}

export function useCancel() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (job: string) => unwrap(api.POST('/api/jobs/{job_id}/cancel', { params: { path: { job_id: job } } })),
    onSuccess: (job) => putJob(client, job),
    onError: async (error, job) => {
      onError(error);
      putJob(client, await fetchJob(job));
    },
  });
}
