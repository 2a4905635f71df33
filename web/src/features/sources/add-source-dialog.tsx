import { useState } from 'react';
import { sentenceOf } from '@/api/client';
import type { Source } from '@/api/sources';
import { SourceIcon } from '@/components/source-icon';
import { Button } from '@/components/ui/button';
import { Dialog, DialogContent, DialogDescription, DialogTitle } from '@/components/ui/dialog';
import { Notice } from '@/components/ui/notice';
import { useAskForKey } from './asking-for-key';
import { isConnectable } from './connectable';
import { useConnect } from './use-connect';

interface AddSourceDialogProps {
  sources: Source[];
  onClose: () => void;
}

/** What connects by sign-in or by a key: first what is not connected yet, then further accounts. */
export function AddSourceDialog({ sources, onClose }: AddSourceDialogProps) {
  const offered = sources.filter(isConnectable);
  const fresh = offered.filter((source) => !isConnected(source));
  const more = offered.filter(isConnected);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent>
        <DialogTitle>Add source</DialogTitle>
        <DialogDescription>Connect it once; from then on your calls come in by themselves.</DialogDescription>
        {fresh.length > 0 && <Offers sources={fresh} label="Not connected yet" onClose={onClose} />}
        {fresh.length === 0 && <p className="mt-4">Every source is connected.</p>}
        {more.length > 0 && (
          <>
            <h3 className="mt-5 font-medium text-muted-foreground">Another account</h3>
            <Offers sources={more} label="Another account" onClose={onClose} />
          </>
        )}
      </DialogContent>
    </Dialog>
  );
}

function isConnected(source: Source): boolean {
  return source.accounts.some((account) => account.status !== 'disconnected');
}

function Offers({ sources, label, onClose }: { sources: Source[]; label: string; onClose: () => void }) {
  return (
    <ul aria-label={label} className="mt-3 divide-y rounded-lg border">
      {sources.map((source) => (
        <Offer key={source.source} source={source} onClose={onClose} />
      ))}
    </ul>
  );
}

function Offer({ source, onClose }: { source: Source; onClose: () => void }) {
  const connect = useConnect();
  const askForKey = useAskForKey();
  const [problem, setProblem] = useState<string | null>(null);
  const byKey = () => {
    onClose();
    askForKey(source.source);
  };
  const bySignIn = () => {
    setProblem(null);
    connect.mutate({ source: source.source, body: { method: 'oauth2' } }, { onError: (error) => setProblem(sentenceOf(error)) });
  };
  const takes = { signIn: source.connect.includes('oauth2'), key: source.connect.includes('api_key') };
  return (
    <li className="px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <SourceIcon icon={source.icon} />
        <div className="min-w-0 flex-1 basis-40">
          <p className="font-medium">{source.name}</p>
          <p className="text-muted-foreground">{wayOf(source)}</p>
        </div>
        <div className="ml-auto flex gap-2">
          {takes.key && (
            <Button size="small" variant={takes.signIn ? 'ghost' : 'primary'} disabled={!source.is_running} onClick={byKey} aria-label={`Use a key for ${source.name}`}>
              Use a key
            </Button>
          )}
          {takes.signIn && (
            <Button size="small" variant="primary" disabled={!source.is_running || connect.isPending} onClick={bySignIn} aria-label={`Connect ${source.name}`}>
              {connect.isPending ? 'Opening…' : 'Connect'}
            </Button>
          )}
        </div>
      </div>
      {problem && <Notice className="mt-2">{problem}</Notice>}
    </li>
  );
}

function wayOf(source: Source): string {
  if (!source.is_running) return 'Its connector is not running. Try again later.';
  if (source.connect.includes('oauth2')) return `You sign in at ${source.name} and come back here.`;
  return source.api_key_hint ?? 'You paste an API key.';
}
