import { RiAddLine } from '@remixicon/react';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useState } from 'react';
import { sentenceOf } from '@/api/client';
import { sourcesQuery, type Source } from '@/api/sources';
import { Button } from '@/components/ui/button';
import { Notice } from '@/components/ui/notice';
import { Skeleton } from '@/components/ui/skeleton';
import { idle } from '@/lib/idle';
import { AccountCard } from './account-card';
import { AddSourceCard } from './add-source-card';
import { AttemptCard } from './attempt-card';
import { isConnectable } from './connectable';
import { PanelCard } from './panel-card';
import { useReturn } from './use-return';

const load = () => import('./add-source-dialog').then((module) => ({ default: module.AddSourceDialog }));
const AddSourceDialog = lazy(load);

interface SourcesSectionProps extends Uses {
  isReady: boolean;
}

interface Uses {
  onUseFiles: () => void;
  onUseLinks: () => void;
}

const GRID = 'grid grid-cols-1 gap-4 sm:grid-cols-2 lg:grid-cols-3';

/** The page's head and the grid of cards. */
export function SourcesSection({ isReady, onUseFiles, onUseLinks }: SourcesSectionProps) {
  const { data, error, refetch } = useQuery(sourcesQuery);
  const sources = isReady ? data : undefined;
  const [isAdding, setAdding] = useState(false);
  useReturn(sources);
  useEffect(() => void idle().then(load).catch(() => undefined), []); // so that the dialog opens at once
  return (
    <>
      <div className="mb-4 flex items-center justify-between gap-3">
        <h1 className="text-xl font-semibold">Import</h1>
        <Button variant="primary" disabled={!sources} onClick={() => setAdding(true)}>
          <RiAddLine aria-hidden /> Add source
        </Button>
      </div>
      {error && !data && (
        <Notice action={<Button onClick={() => void refetch()}>Try again</Button>}>{sentenceOf(error)}</Notice>
      )}
      {sources?.every((source) => source.accounts.length === 0) && (
        <p className="mb-4 text-muted-foreground">
          Connect a source once, and your calls arrive here by themselves from then on. Or drop a recording, or paste a link.
        </p>
      )}
      {sources ? (
        <ul aria-label="Sources" className={GRID}>
          <Cards sources={sources} onUseFiles={onUseFiles} onUseLinks={onUseLinks} onAdd={() => setAdding(true)} />
        </ul>
      ) : (
        <Waiting isOver={error !== null} />
      )}
      <Suspense>{isAdding && sources && <AddSourceDialog sources={sources} onClose={() => setAdding(false)} />}</Suspense>
    </>
  );
}

function Waiting({ isOver }: { isOver: boolean }) {
  return (
    <ul aria-label="Sources" aria-busy className={GRID}>
      {!isOver && [1, 2, 3].map((n) => <li key={n}><Skeleton className="h-52" /></li>)}
    </ul>
  );
}

interface CardsProps extends Uses {
  sources: Source[];
  onAdd: () => void;
}

function Cards({ sources, onUseFiles, onUseLinks, onAdd }: CardsProps) {
  const connectable = sources.filter((source) => isConnectable(source) || source.accounts.length > 0);
  const panels = sources.filter((source) => !isConnectable(source) && source.connect.length > 0);
  return (
    <>
      {connectable.flatMap((source) => [
        ...source.accounts.map((account) => (
          <li key={account.id}>
            <AccountCard source={source} account={account} />
          </li>
        )),
        ...(source.attempt && !source.accounts.some((account) => account.status === 'active')
          ? [<li key={source.attempt.id} className="empty:hidden"><AttemptCard source={source} attempt={source.attempt} /></li>]
          : []),
      ])}
      {panels.map((source) => (
        <li key={source.source}>
          <PanelCard source={source} onUse={source.connect.includes('file') ? onUseFiles : onUseLinks} />
        </li>
      ))}
      <li className="grid">
        <AddSourceCard names={namesToAdd(sources)} onOpen={onAdd} />
      </li>
    </>
  );
}

function namesToAdd(sources: Source[]): string[] {
  const open = sources.filter((source) => isConnectable(source) && !source.accounts.some((one) => one.status !== 'disconnected'));
  return open.length > 0 ? open.map((source) => source.name) : ['Another account'];
}
