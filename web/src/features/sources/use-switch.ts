import { useMutation, useQueryClient } from '@tanstack/react-query';
import { toast } from 'sonner';
import { api, sentenceOf, unwrap } from '@/api/client';
import { sourcesQuery, type Source } from '@/api/sources';

/** Switch files or links on or off, at once on the page; taken back where the gateway refuses. */
export function useSwitch(source: Source) {
  const client = useQueryClient();
  const put = (changed: Source) =>
    client.setQueryData(sourcesQuery.queryKey, (all?: Source[]) => all?.map((one) => (one.source === changed.source ? changed : one)));
  return useMutation({
    mutationFn: (is_active: boolean) =>
      unwrap(api.PATCH('/api/sources/{source}', { params: { path: { source: source.source } }, body: { is_active } })),
    onMutate: (is_active) => void put({ ...source, is_active }),
    onSuccess: put,
    onError: (error) => {
      put(source);
      toast.error(sentenceOf(error));
    },
  });
}
