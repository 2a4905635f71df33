import { QueryCache, QueryClient } from '@tanstack/react-query';
import { ProblemError } from '@/api/client';

/** `onSignedOut` is called where the gateway no longer knows who asks. */
export function makeQueryClient(onSignedOut: () => void): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({
      onError: (error, { queryKey }) => {
        if (queryKey[0] === 'me') return;
        if (error instanceof ProblemError && error.status === 401) onSignedOut();
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 60_000,
        refetchOnWindowFocus: false, // the stream tells what is new
        retry: (failures, error) => failures < 3 && (!(error instanceof ProblemError) || error.status === 0 || error.status >= 500),
      },
    },
  });
}
