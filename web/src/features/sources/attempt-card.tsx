import { useState } from 'react';
import type { Attempt, Source } from '@/api/sources';
import { Button } from '@/components/ui/button';
import { counted } from '@/lib/numbers';
import type { CardState } from './card-state';
import { CardFrame } from './card-frame';
import { useReconnect } from './use-reconnect';

/** A source that is being connected, or could not be. */
export function AttemptCard({ source, attempt }: { source: Source; attempt: Attempt }) {
  const reconnect = useReconnect();
  const [isHidden, setHidden] = useState(false);
  const state = stateOfAttempt(source, attempt);
  if (isHidden) return null;
  return (
    <CardFrame
      icon={source.icon}
      name={source.name}
      subtitle={null}
      state={state}
      facts={source.count > 0 ? counted(source.count, 'call') : 'No calls yet'}
      times="Not synced yet"
      actions={
        state.status === 'error' || attempt.status === 'started' ? (
          <>
            <Button variant="ghost" size="small" onClick={() => setHidden(true)}>
              Dismiss
            </Button>
            <Button variant="primary" size="small" disabled={reconnect.isPending || !source.is_running} onClick={() => reconnect.start(source.source)}>
              Try again
            </Button>
          </>
        ) : null
      }
    />
  );
}

function stateOfAttempt(source: Source, attempt: Attempt): CardState {
  if (attempt.status === 'failed' || attempt.status === 'expired') {
    return { status: 'error', sentence: attempt.message ?? `${source.name} could not be connected. Try again.`, action: 'none' };
  }
  const sentence =
    attempt.status === 'started'
      ? `Finish signing in at ${source.name}, or begin again.`
      : `Connecting to ${source.name}… The first sync begins by itself.`;
  return { status: 'connecting', sentence, action: 'none' };
}
