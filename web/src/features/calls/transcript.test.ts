import { expect, it } from 'vitest';
import { turnsOf, textOf } from './transcript';
import type { Call } from './queries';

const segments = [
  { start: 0, end: 4, speaker: 'Ada', text: ' Hello. ' },
  { start: 4, end: 8, speaker: 'Ada', text: 'Shall we begin?' },
  { start: 8, end: 9, speaker: 'Tom', text: 'Yes.' },
];

it('segments of one speaker are one turn', () => {
  expect(turnsOf(segments)).toEqual([
    { start: 0, speaker: 'Ada', texts: ['Hello.', 'Shall we begin?'] },
    { start: 8, speaker: 'Tom', texts: ['Yes.'] },
  ]);
});

it('a long speech is cut, so that its times can be found', () => {
  const long = [0, 60, 120].map((start) => ({ start, end: start + 60, speaker: 'Ada', text: 'and' }));
  expect(turnsOf(long).map((turn) => turn.start)).toEqual([0, 120]);
});

it('is copied with its speakers and times, and without them where it has none', () => {
  const call = { segments, full_transcript: 'all' } as unknown as Call;
  expect(textOf(call)).toBe('[0:00] Ada: Hello. Shall we begin?\n\n[0:08] Tom: Yes.');
  expect(textOf({ ...call, segments: null })).toBe('all');
});
