import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState, type ReactNode } from 'react';
import { sourcesQuery } from '@/api/sources';
import { AskForKey } from './asking-for-key';

const KeyDialog = lazy(() => import('./key-dialog').then((module) => ({ default: module.KeyDialog })));

/** Whatever is in it may ask for a source's API key. */
export function ConnectDialogs({ children }: { children: ReactNode }) {
  const [name, setName] = useState<string | null>(null);
  const { data: source } = useQuery({ ...sourcesQuery, select: (all) => all.find((one) => one.source === name) });
  return (
    <AskForKey value={setName}>
      {children}
      {source && (
        <Suspense>
          <KeyDialog source={source} onClose={() => setName(null)} />
        </Suspense>
      )}
    </AskForKey>
  );
}
