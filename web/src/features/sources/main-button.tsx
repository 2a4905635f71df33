import type { Account, Source } from '@/api/sources';
import { Button } from '@/components/ui/button';
import type { MainAction } from './card-state';
import { usePause, useSync } from './use-account-actions';
import { useReconnect } from './use-reconnect';

interface MainButtonProps {
  source: Source;
  account: Account;
  action: MainAction;
}

/** The one thing to do now. */
export function MainButton({ source, account, action }: MainButtonProps) {
  const sync = useSync(account);
  const pause = usePause(account);
  const reconnect = useReconnect();
  if (action === 'sync') {
    return (
      <Button variant="quiet" size="small" disabled={sync.isPending} onClick={() => sync.mutate({})}>
        Sync now
      </Button>
    );
  }
  if (action === 'reconnect') {
    return (
      <Button variant="primary" size="small" disabled={reconnect.isPending} onClick={() => reconnect.start(source.source)}>
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
