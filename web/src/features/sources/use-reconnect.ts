import { useQueryClient } from '@tanstack/react-query';
import { toast } from 'sonner';
import { ProblemError, sentenceOf } from '@/api/client';
import { sourcesQuery } from '@/api/sources';
import { useAskForKey } from './asking-for-key';
import { useConnect } from './use-connect';

/** Connect an account anew: by sign-in, or where the source takes keys only, by its dialog. */
export function useReconnect() {
  const client = useQueryClient();
  const connect = useConnect();
  const askForKey = useAskForKey();
  const start = (name: string) => {
    const source = client.getQueryData(sourcesQuery.queryKey)?.find((one) => one.source === name);
    if (source && !source.connect.includes('oauth2')) return askForKey(name);
    connect.mutate({ source: name, body: {} }, { onError: (error) => refused(error, () => askForKey(name)) });
  };
  return { start, isPending: connect.isPending };
}

/** Where signing in is not set up here, a key will do for sources that take one. */
function refused(error: unknown, askForKey: () => void): void {
  if (error instanceof ProblemError && error.code === 'missing_key') askForKey();
  else toast.error(sentenceOf(error));
}
