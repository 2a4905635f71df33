import { RiSearchLine } from '@remixicon/react';
import { useInfiniteQuery, useQuery, type InfiniteData, type UseInfiniteQueryResult } from '@tanstack/react-query';
import { useEffect, useId, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { sentenceOf, type Schemas } from '@/api/client';
import { sourcesQuery } from '@/api/sources';
import { Button } from '@/components/ui/button';
import { Input } from '@/components/ui/input';
import { Notice } from '@/components/ui/notice';
import { Skeleton } from '@/components/ui/skeleton';
import { counted } from '@/lib/numbers';
import { useTitle } from '@/lib/title';
import { CallsList } from './calls-list';
import { callsQuery, type Filter } from './queries';

const TYPING = 250;

/** The library. Search and source stand in the address, so that a list can be kept and sent. */
export function CallsPage() {
  useTitle('Calls');
  const [query] = useSearchParams();
  const filter = { q: query.get('q') ?? '', source: query.get('source') ?? '' };
  const found = useInfiniteQuery(callsQuery(filter));
  return (
    <>
      <div className="mb-4 flex flex-wrap items-end justify-between gap-x-4 gap-y-3">
        <div>
          <h1 className="text-xl font-semibold">Calls</h1>
          <p role="status" className="min-h-5 text-muted-foreground tabular-nums">
            {totalOf(found.data?.pages[0]?.count, filter)}
          </p>
        </div>
        <Filters filter={filter} />
      </div>
      <Found found={found} filter={filter} />
    </>
  );
}

function totalOf(total: number | null | undefined, filter: Filter): string {
  return typeof total === 'number' ? `${counted(total, 'call')}${filter.q ? ' found' : ''}` : '';
}

interface FoundProps {
  found: UseInfiniteQueryResult<InfiniteData<Schemas['Recordings']>>;
  filter: Filter;
}

function Found({ found, filter }: FoundProps) {
  if (!found.data) {
    if (!found.error) return <Skeleton className="h-96 rounded-lg" />;
    return <Notice action={<Button onClick={() => void found.refetch()}>Try again</Button>}>{sentenceOf(found.error)}</Notice>;
  }
  const calls = found.data.pages.flatMap((page) => page.recordings);
  if (calls.length === 0) return <Empty filter={filter} />;
  return (
    <CallsList
      calls={calls}
      hasMore={found.hasNextPage}
      isStale={found.isPlaceholderData}
      onMore={() => !found.isFetchingNextPage && void found.fetchNextPage()}
    />
  );
}

function Filters({ filter }: { filter: Filter }) {
  const [, setQuery] = useSearchParams();
  const [text, setText] = useState(filter.q);
  const { data: sources = [] } = useQuery(sourcesQuery);
  const id = useId();
  useEffect(() => {
    if (text.trim() === filter.q) return;
    const timer = setTimeout(() => setQuery((query) => withParameter(query, 'q', text.trim()), { replace: true }), TYPING);
    return () => clearTimeout(timer);
  }, [text, filter.q, setQuery]);
  return (
    <div role="search" className="flex min-w-0 flex-1 basis-72 flex-wrap justify-end gap-2 sm:flex-nowrap">
      <div className="relative w-full max-w-md">
        <RiSearchLine aria-hidden className="pointer-events-none absolute top-2.5 left-3 size-4 text-muted-foreground" />
        <Input type="search" aria-label="Search titles and transcripts" placeholder="Search titles and transcripts" className="pl-9" value={text} onChange={(event) => setText(event.target.value)} />
      </div>
      <label htmlFor={id} className="sr-only">
        Source
      </label>
      <select
        id={id}
        className="h-9 w-full rounded-md border border-control bg-card px-2 sm:w-auto"
        value={filter.source}
        onChange={(event) => setQuery((query) => withParameter(query, 'source', event.target.value), { replace: true })}
      >
        <option value="">All sources</option>
        {sources.map((source) => (
          <option key={source.source} value={source.source}>
            {source.name}
          </option>
        ))}
      </select>
    </div>
  );
}

function withParameter(query: URLSearchParams, name: string, value: string): URLSearchParams {
  const next = new URLSearchParams(query);
  if (value) next.set(name, value);
  else next.delete(name);
  return next;
}

function Empty({ filter }: { filter: Filter }) {
  const isFiltered = filter.q !== '' || filter.source !== '';
  return (
    <div className="grid justify-items-center gap-3 rounded-lg border border-dashed border-control px-4 py-16 text-center">
      <p className="font-medium">{isFiltered ? 'No call fits.' : 'No calls yet.'}</p>
      <p className="text-muted-foreground">
        {isFiltered ? 'Search for fewer or other words, or in all sources.' : 'Connect a source or drop a recording, and they arrive here.'}
      </p>
      <Button asChild variant={isFiltered ? 'outline' : 'primary'}>
        {isFiltered ? <Link to="/calls">Show all calls</Link> : <Link to="/import">Import calls</Link>}
      </Button>
    </div>
  );
}
