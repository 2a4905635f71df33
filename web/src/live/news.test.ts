import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askEarly } from '@/api/early';
import { sourcesQuery, type Source } from '@/api/sources';
import { account, job, news, source } from '@/test/builders';
import { activityQuery } from './activity';
import { readJobs, type Job } from './jobs';
import { News, type Snapshot } from './news';

const attempt = {
  id: 'a', source_app: 'zoom', method: 'oauth2', status: 'failed', reason: 'access_denied', message: 'No.', account_id: null, created_at: '', expires_at: '',
} as const;
const over = { status: 'completed', ended_at: '2026-11-22T12:05:00Z' } as const;
let client: QueryClient;
let ended: Job[];
let heard: News;

const flushed = () => new Promise((done) => setTimeout(done));

function snapshot(change: Partial<Snapshot> = {}): Snapshot {
  return { jobs: [], accounts: [], attempts: [], activities: [], connectors: [], ...change };
}

beforeEach(() => {
  client = new QueryClient();
  ended = [];
  heard = new News(client, (one) => ended.push(one));
});

describe('progress', () => {
  it('of a higher version replaces what was known; late and repeated ones change nothing', () => {
    heard.snapshot(snapshot({ jobs: [job({ version: 3, found: 5, open: 5 })] }));
    heard.progress(news({ version: 5, found: 9, open: 4, imported: 5 }));
    heard.progress(news({ version: 4, found: 7, open: 7 }));
    heard.progress(news({ version: 5, found: 0 }));
    expect(readJobs(client)['job-1']).toMatchObject({ version: 5, found: 9, imported: 5 });
  });
  it('of a job that began meanwhile is shown on its account', () => {
    heard.snapshot(snapshot());
    heard.progress(news({ account_id: 'account-7', version: 2, found: 1, open: 1 }));
    expect(readJobs(client)['job-1']).toMatchObject({ account_id: 'account-7', found: 1 });
  });
  it('keeps what it does not carry', () => {
    heard.snapshot(snapshot({ jobs: [job({ title: 'Standup', seen: 4 })] }));
    heard.progress(news({ version: 2, title: null, seen: null }));
    expect(readJobs(client)['job-1']).toMatchObject({ title: 'Standup', seen: 4 });
  });
  it('tells the end once, however often it is told', () => {
    heard.snapshot(snapshot({ jobs: [job()] }));
    heard.progress(news({ ...over, version: 2 }));
    heard.progress(news({ ...over, version: 2 }));
    heard.snapshot(snapshot({ jobs: [job({ ...over, version: 2 })] }));
    expect(ended.map((one) => one.id)).toEqual(['job-1']);
  });
});

describe('after a cut', () => {
  it('an end that was missed is told', () => {
    heard.snapshot(snapshot({ jobs: [job()] }));
    heard.snapshot(snapshot({ jobs: [job({ ...over, version: 9 })] }));
    expect(ended).toHaveLength(1);
  });
  it('so is that of a job which came and went meanwhile', () => {
    heard.snapshot(snapshot());
    heard.snapshot(snapshot({ jobs: [job({ ...over, version: 9 })] }));
    expect(ended).toHaveLength(1);
  });
  it('a snapshot that is older than what is known takes nothing back', () => {
    heard.snapshot(snapshot({ jobs: [job({ version: 8, found: 8 })] }));
    heard.snapshot(snapshot({ jobs: [job({ version: 6, found: 6 })] }));
    expect(readJobs(client)['job-1']).toMatchObject({ version: 8, found: 8 });
  });
  it('all that is counted elsewhere is asked for again', () => {
    const ask = vi.spyOn(client, 'invalidateQueries');
    heard.snapshot(snapshot());
    expect(ask).not.toHaveBeenCalled();
    heard.snapshot(snapshot());
    expect(ask.mock.calls.map(([filter]) => filter?.queryKey?.[0])).toEqual(['sources', 'failures', 'usage', 'recordings', 'imports']);
  });
});

describe('what has happened before the first snapshot', () => {
  const asks = async (now: Partial<Snapshot>) => {
    const ask = vi.spyOn(client, 'invalidateQueries');
    heard.snapshot(snapshot(now));
    await flushed();
    return ask.mock.calls.length > 0;
  };
  beforeEach(() => client.setQueryData(sourcesQuery.queryKey, [source({ accounts: [account({ version: 4, job: job() })] })]));

  it('is asked for where an account stands in another way, or is new', async () => {
    expect(await asks({ accounts: [{ ...account(), version: 5 }] })).toBe(true);
  });
  it('is asked for where an import has ended', async () => {
    expect(await asks({ jobs: [job({ ...over, version: 2 })] })).toBe(true);
  });
  it('is nothing where all is as the page has it', async () => {
    const connectors = [{ source: 'zoom', is_running: true }];
    expect(await asks({ accounts: [{ ...account(), version: 4 }], jobs: [job({ version: 3 })], connectors })).toBe(false);
  });
});

it('an answer that was asked for before the first snapshot, and is taken after it, is asked for again', async () => {
  const answers = [account({ version: 4, status: 'error' }), account({ version: 5 })].map((one) => [source({ accounts: [one] })]);
  const ask = vi.spyOn(globalThis, 'fetch').mockImplementation(() => Promise.resolve(Response.json({ sources: answers.shift() })));
  askEarly(['/api/sources']);
  heard.snapshot(snapshot({ accounts: [{ ...account(), version: 5 }] }));
  await flushed();
  const close = new QueryObserver(client, sourcesQuery).subscribe(() => undefined);
  await vi.waitFor(() => expect(client.getQueryData(sourcesQuery.queryKey)?.[0]?.accounts[0]?.version).toBe(5));
  expect(ask).toHaveBeenCalledTimes(2);
  close();
});

describe('what the stream tells before the first answer has come, which is older', () => {
  const gone = source({ accounts: [account({ version: 4, status: 'disconnected' })] });
  const back = source({ accounts: [account({ version: 5 })] });
  let answer: (sources: Source[]) => void;
  let close: () => void;

  beforeEach(() => {
    const first = new Promise<Source[]>((answered) => (answer = answered));
    const ask = vi.fn(() => Promise.resolve([back])).mockReturnValueOnce(first);
    close = new QueryObserver(client, { queryKey: sourcesQuery.queryKey, queryFn: ask }).subscribe(() => undefined);
  });
  afterEach(() => close());

  it.each<[string, () => void]>([
    ['by its snapshot', () => heard.snapshot(snapshot({ accounts: [{ ...account(), version: 5 }] }))],
    ['by a change', () => heard.source({ account_id: 'account-1', owner_user_id: 'ada', source_app: 'zoom', status: 'active', reason: null, email: null, version: 5 })],
    ['by the end of a try', () => heard.attempt({ ...attempt, status: 'done' })],
    ['by a try that fails', () => heard.attempt(attempt)],
    ['by a connector', () => heard.connector({ source: 'zoom', is_running: false })],
  ])('is asked for again: %s', async (_, tell) => {
    tell();
    answer([gone]);
    await vi.waitFor(() => expect(client.getQueryData(sourcesQuery.queryKey)).toEqual([back]));
  });
});

it('an end from before the page was opened is not told', () => {
  heard.snapshot(snapshot({ jobs: [job(over)] }));
  expect(ended).toEqual([]);
});

it('an account that changes is asked for, an old change is not', () => {
  const ask = vi.spyOn(client, 'invalidateQueries');
  const state = { ...account(), version: 4 };
  heard.snapshot(snapshot({ accounts: [state] }));
  const changed = { account_id: state.id, owner_user_id: 'ada', source_app: 'zoom', status: 'error', reason: null, email: null } as const;
  heard.source({ ...changed, version: 4 });
  expect(ask).not.toHaveBeenCalled();
  heard.source({ ...changed, version: 5 });
  expect(ask).toHaveBeenCalled();
});

it('a connector that stops and a try that fails are on the card at once', () => {
  client.setQueryData(sourcesQuery.queryKey, [source()]);
  heard.connector({ source: 'zoom', is_running: false });
  heard.attempt(attempt);
  expect(client.getQueryData(sourcesQuery.queryKey)).toEqual([source({ is_running: false, attempt })]);
});

it('an item that waits does not hide another that is being transcribed', () => {
  const activity = { job_id: 'job-1', seconds_total: 60, until: null } as const;
  heard.activity({ ...activity, item_id: 'a', doing: 'transcribing', seconds_done: 10 });
  heard.activity({ ...activity, item_id: 'b', doing: 'waiting', seconds_done: null });
  expect(client.getQueryData(activityQuery.queryKey)).toMatchObject({ 'job-1': { item_id: 'a' } });
});
