import { memo } from 'react';
import { Link } from 'react-router';
import type { Schemas } from '@/api/client';
import type { Source } from '@/api/sources';
import { SourceIcon } from '@/components/source-icon';
import { Badge } from '@/components/ui/badge';
import { duration } from '@/lib/durations';
import { date, exact } from '@/lib/times';
import { inSight } from './found';
import type { Recording } from './queries';

/** A call in the list: its title, where it is from, when, how long; and where the search has found it. */
export const CallRow = memo(function CallRow({ call, source }: { call: Recording; source: Source | undefined }) {
  return (
    <Link to={`/calls/${call.id}`} className="flex h-full items-center gap-3 px-4 -outline-offset-2 transition-colors hover:bg-muted">
      <SourceIcon icon={source?.icon ?? ''} />
      <span className="min-w-0 flex-1">
        <span className="flex flex-wrap items-baseline gap-x-4">
          <span className="block w-full min-w-0 truncate font-medium sm:w-auto sm:flex-1">
            {call.match && call.match.title.length > 0 ? <Parts parts={call.match.title} /> : call.title}
            {call.is_partial && <Badge tone="warning" className="ml-2 font-normal">Partial</Badge>}
          </span>
          <span className="flex min-w-0 gap-4 text-muted-foreground tabular-nums">
            <span className="w-20 truncate">{source?.name ?? call.source_app}</span>
            <time className="w-24 whitespace-nowrap" dateTime={call.recording_start_time} title={exact(call.recording_start_time)}>
              {date(call.recording_start_time)}
            </time>
            <span className="w-14 text-right">{call.duration === null ? '' : duration(call.duration)}</span>
          </span>
        </span>
        <Found call={call} />
      </span>
    </Link>
  );
});

/** Where in the transcript it was found, if there. */
function Found({ call }: { call: Recording }) {
  if (!call.match || call.match.transcript.length === 0) return null;
  return (
    <span className="block truncate text-muted-foreground">
      <Parts parts={inSight(call.match.transcript)} />
    </span>
  );
}

/** What was searched for, marked. Plain text, whatever was said in the call. */
function Parts({ parts }: { parts: Schemas['TextPart'][] }) {
  return parts.map((part, at) =>
    part.is_match ? (
      <mark key={at} className="rounded-xs bg-accent-soft text-foreground underline decoration-accent">
        {part.text}
      </mark>
    ) : (
      part.text
    ),
  );
}
