import { duration } from '@/lib/durations';
import type { Call, Segment } from './queries';

/** What one person says without another in between; `start` in seconds. */
export interface Turn {
  start: number;
  speaker: string | null;
  texts: string[];
}

const LONGEST = 90;

/** Segments by speaker, in parts of a minute or two where somebody speaks for long. */
export function turnsOf(segments: readonly Segment[]): Turn[] {
  const turns: Turn[] = [];
  for (const segment of segments) {
    const last = turns.at(-1);
    const speaker = segment.speaker ?? null;
    if (last && last.speaker === speaker && segment.start - last.start < LONGEST) last.texts.push(segment.text.trim());
    else turns.push({ start: segment.start, speaker, texts: [segment.text.trim()] });
  }
  return turns;
}

/** The transcript as it is read, for the clipboard. */
export function textOf(call: Call): string {
  if (!call.segments || call.segments.length === 0) return call.full_transcript;
  return turnsOf(call.segments)
    .map((turn) => `[${duration(turn.start)}] ${turn.speaker ? `${turn.speaker}: ` : ''}${turn.texts.join(' ')}`)
    .join('\n\n');
}
