import { useQuery } from '@tanstack/react-query';
import { useRef, type RefObject } from 'react';
import { sourcesQuery } from '@/api/sources';
import { FailuresPanel } from '@/features/failures/failures-panel';
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
  return (
    <ConnectDialogs>
      <UsageNotice />
      <SourcesSection
        onUseFiles={() => files.current?.click()}
        onUseLinks={() => goTo(links)}
      />
      <div className="mt-4 grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
        <FilesPanel buttonRef={files} />
        {linked.map((source, at) => (
          <LinksPanel key={source.source} source={source} fieldRef={at === 0 ? links : null} />
        ))}
      </div>
      <div className="mt-4">
        <Failed />
      </div>
    </ConnectDialogs>
  );
}

function Failed() {
  const reconnect = useReconnect();
  return <FailuresPanel onReconnect={reconnect.start} />;
}

function goTo(field: RefObject<HTMLElement | null>): void {
  field.current?.scrollIntoView({ block: 'center' });
  field.current?.focus();
}
