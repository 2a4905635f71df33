import { describe, expect, it } from 'vitest';
import { job } from '@/test/builders';
import { summaryOf } from './summary';

const ended = { ended_at: '2026-11-22T12:01:00Z', status: 'completed' } as const;

describe('at the end of a sync', () => {
  it('new calls are counted, duplicates and failures below', () => {
    const summary = summaryOf(job({ ...ended, status: 'partial', found: 13, imported: 8, duplicates: 3, failed: 2 }), 'Fathom');
    expect(summary).toEqual({
      kind: 'warning', title: 'Fathom sync complete: 8 new calls imported', details: ['Skipped 3 duplicates', '2 failed'], failed: 2,
    });
  });
  it('nothing new says so', () => {
    expect(summaryOf(job(ended), 'Fathom')?.title).toBe('Fathom sync complete: Nothing new');
  });
  it('one call is one call', () => {
    expect(summaryOf(job({ ...ended, found: 1, imported: 1 }), 'Zoom')?.title).toBe('Zoom sync complete: 1 new call imported');
  });
  it('by schedule with nothing new is not worth a word', () => {
    expect(summaryOf(job({ ...ended, trigger: 'schedule' }), 'Zoom')).toBeNull();
  });
  it('files and links are imported, not synced', () => {
    expect(summaryOf(job({ ...ended, account_id: null, found: 1, imported: 1 }), 'Files')?.title).toBe('Files import complete: 1 new call imported');
  });
  it('a listing that failed says why', () => {
    const failed = job({ ...ended, status: 'failed', code: 'source_unavailable', message: 'Zoom does not answer.' });
    expect(summaryOf(failed, 'Zoom')).toMatchObject({ kind: 'error', title: 'Zoom sync failed', details: ['Zoom does not answer.'] });
  });
});
