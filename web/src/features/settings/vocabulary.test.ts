import { describe, expect, it } from 'vitest';
import { problemOf, termsIn } from './vocabulary';

describe('the terms of a text', () => {
  it('are its lines without the space around and within them', () => {
    expect(termsIn(' CallVault\n\n  Dr.\t Nguyen \r\nKubernetes')).toEqual(['CallVault', 'Dr. Nguyen', 'Kubernetes']);
    expect(termsIn(' \n')).toEqual([]);
  });

  it('are refused where one is too long, or they are too many', () => {
    expect(problemOf(['x'.repeat(60)])).toBeUndefined();
    expect(problemOf(['Anna', 'é'.repeat(61)])).toBe(`“${'é'.repeat(20)}…” is too long. Take 60 characters at most.`);
    expect(problemOf(Array.from({ length: 100 }, String))).toBeUndefined();
    expect(problemOf(Array.from({ length: 101 }, String))).toBe('These are 101 terms. Take 100 at most.');
  });
});
