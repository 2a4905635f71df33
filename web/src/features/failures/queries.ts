import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { toast } from 'sonner';
import { api, sentenceOf, unwrap, type Schemas } from '@/api/client';
import { counted } from '@/lib/numbers';

export type Failures = Schemas['Failures'];
export type Group = Schemas['FailureGroup'];
export type FailedItem = Schemas['FailedItem'];
export type Selection = Schemas['FailureSelection'];

export const failuresQuery = queryOptions({
  queryKey: ['failures'],
  queryFn: (): Promise<Failures> => unwrap(api.GET('/api/failures')),
});

export function causeOf(group: Group): Selection {
  return { code: group.code, source_app: group.source_app, account_id: group.account_id };
}

/** The calls of one cause, a page at a time. */
export const itemsQuery = (group: Group) =>
  infiniteQueryOptions({
    queryKey: ['failures', 'items', group.source_app, group.account_id, group.code],
    queryFn: ({ pageParam }) => {
      const { code, source_app, account_id } = group;
      const query = { code, source_app, ...(account_id ? { account_id } : {}), ...(pageParam ? { before: pageParam } : {}) };
      return unwrap(api.GET('/api/failures/items', { params: { query } }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_before,
  });

function useChanged() {
  const client = useQueryClient();
  return () => Promise.all(['failures', 'imports', 'usage'].map((key) => client.invalidateQueries({ queryKey: [key] })));
}

const onError = (error: unknown) => void toast.error(sentenceOf(error));

/** Open the calls of a cause again; of every cause that a retry can help, where none is given. */
export function useRetryAll() {
  const changed = useChanged();
  return useMutation({
    mutationFn: (body: Selection) => unwrap(api.POST('/api/failures/retry', { body })),
    onSuccess: ({ found, joined, duplicate, quota_exceeded: over }) => {
      const details = [duplicate > 0 ? `${counted(duplicate, 'call')} came in meanwhile` : '', over > 0 ? `${counted(over, 'call')} over this month's imports` : ''];
      toast.info(`Retrying ${counted(found + joined, 'call')}`, { description: details.filter(Boolean).join(', ') || undefined });
    },
    onError,
    onSettled: changed,
  });
}

export function useDismissAll() {
  const changed = useChanged();
  return useMutation({
    mutationFn: (body: Selection) => unwrap(api.POST('/api/failures/dismiss', { body })),
    onSuccess: ({ count }) => void toast.info(`Dismissed ${counted(count, 'call')}`),
    onError,
    onSettled: changed,
  });
}

export function useRetry() {
  const changed = useChanged();
  return useMutation({
    mutationFn: (item: string) => unwrap(api.POST('/api/failures/{item_id}/retry', { params: { path: { item_id: item } } })),
    onError,
    onSettled: changed,
  });
}

export function useDismiss() {
  const changed = useChanged();
  return useMutation({
    mutationFn: (item: string) => unwrap(api.POST('/api/failures/{item_id}/dismiss', { params: { path: { item_id: item } } })),
    onError,
    onSettled: changed,
  });
}
