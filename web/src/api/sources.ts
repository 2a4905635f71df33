import { queryOptions, type QueryClient } from '@tanstack/react-query';
import { api, unwrap, type Schemas } from './client';

export type Source = Schemas['Source'];
export type Account = Schemas['Account'];
export type Attempt = Schemas['Attempt'];

/** Every source with the user's accounts: one request for all cards. */
export const sourcesQuery = queryOptions({
  queryKey: ['sources'],
  queryFn: async (): Promise<Source[]> => (await unwrap(api.GET('/api/sources'))).sources,
});

/** An account as the gateway answered it, into its card. */
export function putAccount(client: QueryClient, account: Account): void {
  client.setQueryData(sourcesQuery.queryKey, (sources?: Source[]) =>
    sources?.map((source) => ({
      ...source,
      accounts: source.accounts.map((known) => (known.id === account.id ? account : known)),
    })),
  );
}

/** What a source is called; its slug where it is not known. */
export function nameOf(sources: readonly Source[] | undefined, source: string): string {
  return sources?.find((one) => one.source === source)?.name ?? source;
}
