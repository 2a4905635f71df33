import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap, type Schemas } from '@/api/client';
import { sourcesQuery } from '@/api/sources';

interface Wish {
  source: string;
  body: Schemas['Connect'];
}

/** Begin to connect. By sign-in the window goes to the source, and comes back to the card; by key the card appears. */
export function useConnect() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ source, body }: Wish) =>
      unwrap(api.POST('/api/sources/{source}/connect', { params: { path: { source } }, body })),
    onSuccess: async ({ authorize_url: url }) => {
      if (url) {
        window.location.assign(url);
        return new Promise<void>(() => undefined); // busy until the page is left
      }
      return client.invalidateQueries({ queryKey: sourcesQuery.queryKey });
    },
  });
}
