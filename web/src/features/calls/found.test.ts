import { describe, expect, it } from 'vitest';
import { inSight } from './found';

const found = (...texts: string[]) => texts.map((text, at) => ({ text, is_match: at % 2 === 1 }));
const told = (...texts: string[]) => inSight(found(...texts)).map((part) => part.text);

describe('what a search has found', () => {
  it('stands as it is where the match comes soon', () => {
    expect(told('Ada: I still wait for ', 'audio', ' tests.')).toEqual(['Ada: I still wait for ', 'audio', ' tests.']);
    expect(inSight([{ text: 'audio', is_match: true }])).toEqual([{ text: 'audio', is_match: true }]);
    expect(inSight([])).toEqual([]);
  });

  it('begins with a whole word a little before a match that comes late', () => {
    expect(told('Shall we begin? The release is on Thursday. I still wait for the ', 'audio', ' tests.')).toEqual([
      '… I still wait for the ',
      'audio',
      ' tests.',
    ]);
  });

  it('is cut within a word that has no end', () => {
    expect(told('a'.repeat(100), 'audio')).toEqual([`… ${'a'.repeat(24)}`, 'audio']);
  });
});
