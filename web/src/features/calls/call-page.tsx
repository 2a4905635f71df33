import { RiArrowLeftLine, RiExternalLinkLine } from '@remixicon/react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useParams } from 'react-router';
import { ProblemError, sentenceOf } from '@/api/client';
import { nameOf, sourcesQuery } from '@/api/sources';
import { CopyButton } from '@/components/copy-button';
import { Button } from '@/components/ui/button';
import { TitledCard } from '@/components/ui/card';
import { Notice } from '@/components/ui/notice';
import { Skeleton } from '@/components/ui/skeleton';
import { duration } from '@/lib/durations';
import { exact } from '@/lib/times';
import { useTitle } from '@/lib/title';
import { CallGaps } from './call-gaps';
import { CallHistory } from './call-history';
import { DownloadMenu } from './download-menu';
import { callQuery, type Call } from './queries';
import { textOf } from './transcript';
import { TranscriptView } from './transcript-view';

const ASK_AGAIN = 4000;

export function CallPage() {
  const { id = '' } = useParams();
  const [wanted, setWanted] = useState(0);
  // Gaps that are filled change no import, so that the stream does not tell: only while somebody waits, it is asked.
  const { data: call, error, refetch } = useQuery({
    ...callQuery(id),
    refetchInterval: ({ state }) => (state.data && state.data.version < wanted ? ASK_AGAIN : false),
  });
  const isGone = error instanceof ProblemError && (error.status === 404 || error.status === 422);
  useTitle(call?.title ?? 'Call');
  return (
    <div className="mx-auto max-w-4xl">
      <Button asChild variant="link" size="inline" className="mb-3">
        <Link to="/calls">
          <RiArrowLeftLine aria-hidden /> Calls
        </Link>
      </Button>
      {call ? (
        <CallView call={call} wanted={wanted} onRetry={setWanted} />
      ) : error ? (
        <>
          <h1 className="sr-only">Call</h1>
          <Notice action={!isGone && <Button onClick={() => void refetch()}>Try again</Button>}>
          {isGone ? 'There is no such call in your library.' : sentenceOf(error)}
          </Notice>
        </>
      ) : (
        <div className="grid gap-4">
          <Skeleton className="h-16" />
          <Skeleton className="h-96" />
        </div>
      )}
    </div>
  );
}

interface CallViewProps {
  call: Call;
  /** The version that is asked for, where gaps are being filled. */
  wanted: number;
  onRetry: (version: number) => void;
}

function CallView({ call, wanted, onRetry }: CallViewProps) {
  const { data: name } = useQuery({ ...sourcesQuery, select: (sources) => nameOf(sources, call.source_app) });
  return (
    <>
      <div className="mb-4 flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0 flex-1 basis-72">
          <h1 className="text-xl font-semibold break-words">{call.title}</h1>
          <p className="flex flex-wrap gap-x-4 text-muted-foreground tabular-nums">
            <span>{name ?? call.source_app}</span>
            <span>{exact(call.recording_start_time)}</span>
            {call.duration !== null && <span>{duration(call.duration)}</span>}
          </p>
          {call.source_url && (
            <a href={call.source_url} target="_blank" rel="noreferrer noopener" className="mt-1 inline-flex min-h-6 items-center gap-1 text-accent underline underline-offset-4">
              Open at {name ?? call.source_app} <RiExternalLinkLine aria-hidden className="size-4" />
              <span className="sr-only">(in a new tab)</span>
            </a>
          )}
        </div>
        <div className="flex gap-2">
          <CopyButton text={textOf(call)} label="Copy" />
          <DownloadMenu call={call} />
        </div>
      </div>
      <CallGaps call={call} isRetrying={call.version < wanted} onRetry={onRetry} />
      <TitledCard title="Transcript">
        <TranscriptView call={call} />
      </TitledCard>
      <CallHistory call={call} />
    </>
  );
}
