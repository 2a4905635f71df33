import { describe, expect, it } from 'vitest';
import { account, job, source, usage } from '@/test/builders';
import { stateOf, type Circumstances } from './card-state';

const now = Date.parse('2026-11-22T12:00:00Z');

function at(change: Partial<Circumstances> = {}): Circumstances {
  return { source: source(), account: account(), job: null, activity: undefined, usage: usage(), now, ...change };
}

function waiting(until: string): Circumstances['activity'] {
  return { job_id: 'job-1', item_id: 'item-1', doing: 'waiting', until, seconds_done: null, seconds_total: null };
}

describe('a card', () => {
  it('counts the calls of a sync, with a bar', () => {
    const state = stateOf(at({ job: job({ found: 12, imported: 3, duplicates: 1, open: 8 }) }));
    expect(state).toMatchObject({ status: 'syncing', sentence: 'Syncing… 4/12 calls', progress: 4 / 12, action: 'none' });
  });
  it('says how long the source asks to wait, until that is over', () => {
    const running = job({ found: 12, open: 8, imported: 4 });
    expect(stateOf(at({ job: running, activity: waiting('2026-11-22T12:00:40Z') })).sentence).toBe('Zoom asks us to wait 40 s');
    expect(stateOf(at({ job: running, activity: waiting('2026-11-22T11:59:59Z') })).sentence).toBe('Syncing… 4/12 calls');
  });
  it('asks to reconnect, and says how many calls wait', () => {
    const broken = account({ status: 'error', message: 'Zoom asks you to sign in again.', waiting: 3 });
    expect(stateOf(at({ account: broken }))).toEqual({
      status: 'error', sentence: 'Zoom asks you to sign in again. 3 calls are waiting for you.', action: 'reconnect',
    });
  });
  it('shows a lost sign-in before anything else', () => {
    const broken = account({ status: 'error' });
    expect(stateOf(at({ account: broken, job: job({ found: 2, open: 1 }) })).status).toBe('error');
  });
  it('that is paused offers to resume', () => {
    expect(stateOf(at({ account: account({ status: 'paused' }) }))).toMatchObject({ status: 'paused', action: 'resume' });
  });
  it('of a connector that does not run offers nothing that could not work', () => {
    expect(stateOf(at({ source: source({ is_running: false }) }))).toMatchObject({ status: 'offline', action: 'none' });
  });
  it('says when the month is used up, and when there is room again', () => {
    const state = stateOf(at({ usage: usage({ used: 10 }) }));
    expect(state).toMatchObject({ status: 'limit', sentence: "This month's 10 imports are used up. More from 1 December." });
  });
  it('says why a sync has failed, and offers another', () => {
    const failed = job({ status: 'failed', code: 'source_unavailable', message: 'Zoom does not answer.', ended_at: '2026-11-22T11:00:00Z' });
    expect(stateOf(at({ job: failed }))).toEqual({ status: 'error', sentence: 'Zoom does not answer.', action: 'sync' });
  });
  it('that was disconnected keeps its calls and offers to reconnect', () => {
    const state = stateOf(at({ account: account({ status: 'disconnected' }) }));
    expect(state).toMatchObject({ status: 'disconnected', action: 'reconnect' });
    expect(state.sentence).toContain('Your imported calls are kept.');
  });
  it('at rest is up to date', () => {
    expect(stateOf(at())).toEqual({ status: 'active', sentence: 'Up to date.', action: 'sync' });
  });
});
