import { toast } from 'sonner';
import { sentenceOf } from '@/api/client';
import type { Account, Source } from '@/api/sources';
import { Button } from '@/components/ui/button';
import type { MainAction } from './card-state';
import { usePause, useSync } from './use-account-actions';
import { useConnect } from './use-connect';
import { useAskForKey } from './asking-for-key';

interface MainButtonProps {
  source: Source;
  account: Account;
  action: MainAction;
}

/** The one thing to do now. */
export function MainButton({ source, account, action }: MainButtonProps) {
  const sync = useSync(account);
  const pause = usePause(account);
  const reconnect = useReconnect(source);
  if (action === 'sync') {
    return (
      <Button variant="ghost" size="small" disabled={sync.isPending} onClick={() => sync.mutate({})}>
        Sync now
      </Button>
    );
  }
  if (action === 'reconnect') {
    return (
      <Button variant="primary" size="small" disabled={reconnect.isPending} onClick={reconnect.start}>
        Reconnect
      </Button>
    );
  }
  if (action === 'resume') {
    return (
      <Button variant="outline" size="small" disabled={pause.isPending} onClick={() => pause.mutate(false)}>
        Resume
      </Button>
    );
  }
  return null;
}

/** Connect the same account anew: by sign-in, or where the source takes keys only, by its dialog. */
export function useReconnect(source: Source) {
  const connect = useConnect();
  const askForKey = useAskForKey();
  const start = () => {
    if (!source.connect.includes('oauth2')) return askForKey(source.source);
    connect.mutate(
      { source: source.source, body: {} },
      {
        onError: (error) => {
          const needsKey = (error as { code?: string }).code === 'missing_key';
          if (needsKey) askForKey(source.source);
          else toast.error(sentenceOf(error));
        },
      },
    );
  };
  return { start, isPending: connect.isPending };
}
