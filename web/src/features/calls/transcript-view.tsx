import { useMemo } from 'react';
import { duration } from '@/lib/durations';
import type { Call } from './queries';
import { turnsOf } from './transcript';

/** By speaker and time. Paragraphs out of sight are not laid out, so that a day's talk opens as fast as a minute's. */
export function TranscriptView({ call }: { call: Call }) {
  const turns = useMemo(() => turnsOf(call.segments ?? []), [call.segments]);
  if (turns.length === 0) {
    return <p className="p-4 leading-6 break-words whitespace-pre-wrap">{call.full_transcript || 'Nobody speaks in this call.'}</p>;
  }
  return (
    <ol className="grid gap-4 p-4">
      {turns.map((turn, at) => {
        const isSame = at > 0 && turns[at - 1]?.speaker === turn.speaker;
        return (
          <li key={at} className="grid grid-cols-[3.5rem_minmax(0,1fr)] gap-x-3 [contain-intrinsic-size:auto_4rem] [content-visibility:auto]">
            <span className="pt-0.5 text-right text-muted-foreground tabular-nums">{duration(turn.start)}</span>
            <div>
              {turn.speaker && !isSame && <p className="font-semibold">{turn.speaker}</p>}
              <p className="leading-6 break-words">{turn.texts.join(' ')}</p>
            </div>
          </li>
        );
      })}
    </ol>
  );
}
