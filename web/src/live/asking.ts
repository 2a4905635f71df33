import type { QueryClient } from '@tanstack/react-query';

/**
 * Ask again for all of these. What is just being asked for the first time is asked for once more when it is there:
 * a query without an answer is not begun anew, and the answer on its way may be from before what the stream told.
 */
export function askAgain(client: QueryClient, ...keys: string[]): void {
  for (const key of keys) {
    const first = firstAnswers(client, key);
    void client.invalidateQueries({ queryKey: [key] });
    if (first.length > 0) void Promise.allSettled(first).then(() => client.invalidateQueries({ queryKey: [key] }));
  }
}

/** The answers on their way to what is being asked for the first time. */
export function firstAnswers(client: QueryClient, ...keys: string[]): Promise<unknown>[] {
  const queries = keys.flatMap((key) => client.getQueryCache().findAll({ queryKey: [key], fetchStatus: 'fetching' }));
  return queries.flatMap(({ state, promise }) => (state.data === undefined && promise ? [promise] : []));
}

/** Done once there is a first answer; never where nobody asks. */
export function untilAnswered(client: QueryClient, key: string): Promise<void> {
  const cache = client.getQueryCache();
  const isThere = () => cache.findAll({ queryKey: [key] }).some(({ state }) => state.data !== undefined);
  return new Promise((done) => {
    if (isThere()) return done();
    const close = cache.subscribe(() => {
      if (!isThere()) return;
      close();
      done();
    });
  });
}
