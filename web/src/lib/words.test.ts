import { describe, expect, it } from 'vitest';
import { duration, wait } from './durations';
import { bytes, count, counted } from './numbers';
import { ago, utcDay } from './times';

describe('durations', () => {
  it('are minutes and seconds, with hours where there are some', () => {
    expect([0, 59.6, 2470, 3723].map(duration)).toEqual(['0:00', '1:00', '41:10', '1:02:03']);
  });
  it('of waits are rounded up to what people say', () => {
    expect([0.2, 40, 99, 150, 7200].map(wait)).toEqual(['1 s', '40 s', '99 s', '3 min', '2 h']);
  });
});

describe('numbers', () => {
  it('have thin spaces between thousands', () => {
    expect(count(1_234_567)).toBe('1\u202f234\u202f567');
  });
  it('agree with their nouns', () => {
    expect([counted(0, 'call'), counted(1, 'call'), counted(8, 'new call')]).toEqual(['0 calls', '1 call', '8 new calls']);
  });
  it('of bytes are short', () => {
    expect([0, 999, 41_200_000, 5_000_000_000, 1_240_000_000].map(bytes)).toEqual(['0 B', '999 B', '41 MB', '5 GB', '1.2 GB']);
  });
});

describe('times', () => {
  const now = Date.parse('2026-11-22T12:00:00Z');
  it('are relative in words', () => {
    const told = ['2026-11-22T11:59:40Z', '2026-11-22T11:48:00Z', '2026-11-21T10:00:00Z', '2026-10-02T10:00:00Z'];
    expect(told.map((time) => ago(time, now))).toEqual(['just now', '12 minutes ago', 'yesterday', 'last month']);
  });
  it('of a month begin by UTC', () => {
    expect(utcDay('2026-12-01T00:00:00Z')).toBe('1 December');
  });
});
