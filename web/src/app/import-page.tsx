import { useQueries, useQuery, type QueryKey } from '@tanstack/react-query';
import { useDeferredValue, useRef, type RefObject } from 'react';
import { importsQuery } from '@/api/imports';
import { usageQuery } from '@/api/me';
import { sourcesQuery } from '@/api/sources';
import { FailuresPanel } from '@/features/failures/failures-panel';
import { failuresQuery } from '@/features/failures/queries';
import { FilesPanel } from '@/features/files/files-panel';
import { ConnectDialogs } from '@/features/sources/connect-dialogs';
import { SourcesSection } from '@/features/sources/sources-section';
import { useReconnect } from '@/features/sources/use-reconnect';
import { UsageNotice } from '@/features/usage/usage-meter';
import { LinksPanel } from '@/features/youtube/links-panel';
import { useTitle } from '@/lib/title';

/** Sources, what is dropped and pasted, what has failed. */
export function ImportPage() {
  useTitle('Import');
  const files = useRef<HTMLButtonElement>(null);
  const links = useRef<HTMLTextAreaElement>(null);
  const { data: linked = [] } = useQuery({ ...sourcesQuery, select: (all) => all.filter((one) => one.connect.includes('url')) });
  const isReady = useFetched([sourcesQuery, usageQuery, importsQuery('file_upload')]);
  const isComplete = useFetched([failuresQuery, ...linked.map((source) => importsQuery(source.source))]);
  const isShown = useDeferredValue(isReady); // what comes then is much: drawn in steps
  return (
    <ConnectDialogs>
      {isShown && <UsageNotice />}
      <SourcesSection isReady={isShown} onUseFiles={() => files.current?.click()} onUseLinks={() => goTo(links)} />
      {isShown && (
        <div className="mt-4 grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
          <FilesPanel buttonRef={files} />
          {linked.map((source, at) => (
            <LinksPanel key={source.source} source={source} fieldRef={at === 0 ? links : null} />
          ))}
          <div className="lg:col-span-2">{isComplete && <Failed />}</div>
        </div>
      )}
    </ConnectDialogs>
  );
}

/** Whether all of these have come: what takes room on the page and came later would push about what is below it. */
function useFetched(queries: { queryKey: QueryKey }[]): boolean {
  return useQueries({ queries, combine: (asked) => asked.every((one) => one.isFetched) });
}

function Failed() {
  const reconnect = useReconnect();
  return <FailuresPanel onReconnect={reconnect.start} />;
}

function goTo(field: RefObject<HTMLElement | null>): void {
  field.current?.scrollIntoView({ block: 'center' });
  field.current?.focus();
}
