import { describe, expect, it } from 'vitest';
import { imported, job } from '@/test/builders';
import { stateOfImport } from './import-state';

const now = Date.parse('2026-11-22T12:00:00Z');
const over = { ended_at: '2026-11-22T12:05:00Z', version: 5 } as const;
const item = { id: 'item-1', external_id: 'x', title: 'Standup', code: null, message: null, retryable: false, attempt: 1, recording_id: null, retry_at: null, ended_at: null } as const;

describe('an import', () => {
  it('says how much of the sound is transcribed', () => {
    const activity = { job_id: 'job-1', item_id: 'item-1', doing: 'transcribing', until: null, seconds_done: 750, seconds_total: 2470 } as const;
    expect(stateOfImport(imported({ found: 1, open: 1 }), undefined, activity, now)).toMatchObject({
      sentence: 'Transcribing 12:30 of 41:10', progress: 750 / 2470,
    });
  });
  it('leads to its call at the end', () => {
    const told = imported({ ...over, status: 'completed', found: 1, imported: 1, item: { ...item, status: 'imported', recording_id: 'call-1' } });
    expect(stateOfImport(told, undefined, undefined, now)).toMatchObject({ sentence: 'In your library', recordingId: 'call-1' });
  });
  it('believes the newer of what was asked and what the stream told', () => {
    const told = imported({ version: 2, found: 1, open: 1 });
    expect(stateOfImport(told, job({ ...over, found: 1, imported: 1 }), undefined, now).sentence).toBe('In your library');
    expect(stateOfImport({ ...told, version: 9 }, job({ ...over, found: 1, imported: 1 }), undefined, now).progress).toBeNull();
  });
  it('that failed says why, and offers a retry only where it can help', () => {
    const failed = { ...item, status: 'failed', code: 'engine_unavailable', message: 'The engine does not answer.' } as const;
    const told = imported({ ...over, status: 'failed', found: 1, failed: 1, item: { ...failed, retryable: true } });
    expect(stateOfImport(told, undefined, undefined, now)).toMatchObject({ sentence: 'The engine does not answer.', retryId: 'item-1' });
    expect(stateOfImport({ ...told, item: failed }, undefined, undefined, now).retryId).toBeNull();
  });
  it('of a playlist counts its calls', () => {
    expect(stateOfImport(imported({ found: 9, open: 5, imported: 4 }), undefined, undefined, now).sentence).toBe('Importing 4/9 calls');
    const told = imported({ ...over, status: 'partial', found: 9, imported: 6, duplicates: 1, failed: 2 });
    expect(stateOfImport(told, undefined, undefined, now).sentence).toBe('6 calls imported, 1 duplicate skipped, 2 failed');
  });
});
