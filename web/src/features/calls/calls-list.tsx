import { useQuery } from '@tanstack/react-query';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { sourcesQuery } from '@/api/sources';
import { useMediaQuery } from '@/lib/media-query';
import { cn } from '@/lib/cn';
import { CallRow } from './call-row';
import type { Recording } from './queries';

const AHEAD = 20;
const ROW = { wide: 52, narrow: 68 };

interface CallsListProps {
  calls: Recording[];
  hasMore: boolean;
  isStale: boolean;
  onMore: () => void;
}

/** Only the rows in sight are in the page, however many calls there are; the next page is asked for in time. */
export function CallsList({ calls, hasMore, isStale, onMore }: CallsListProps) {
  const { data: sources = [] } = useQuery(sourcesQuery);
  const list = useRef<HTMLUListElement>(null);
  const height = useMediaQuery('(min-width: 640px)') ? ROW.wide : ROW.narrow;
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop(list.current?.offsetTop ?? 0), []);
  const hasMatches = calls.some((call) => (call.match?.transcript.length ?? 0) > 0);
  const rows = useWindowVirtualizer({ count: calls.length, estimateSize: () => height + (hasMatches ? 20 : 0), overscan: 12, scrollMargin: top });
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => rows.measure(), [rows, height, hasMatches]);
  useEffect(() => {
    if (hasMore && last >= calls.length - AHEAD) onMore();
  }, [hasMore, last, calls.length, onMore]);
  return (
    <ul
      ref={list}
      aria-label="Calls"
      aria-busy={isStale}
      className={cn('relative rounded-lg border bg-card', isStale && 'opacity-60')}
      style={{ height: rows.getTotalSize() + 2 }}
    >
      {shown.map((row) => {
        const call = calls[row.index];
        return (
          call && (
            <li
              key={call.id}
              aria-setsize={hasMore ? -1 : calls.length}
              aria-posinset={row.index + 1}
              className={cn('absolute inset-x-0', row.index > 0 && 'border-t')}
              style={{ top: row.start - top, height: row.size }}
            >
              <CallRow call={call} source={sources.find((one) => one.source === call.source_app)} />
            </li>
          )
        );
      })}
    </ul>
  );
}
