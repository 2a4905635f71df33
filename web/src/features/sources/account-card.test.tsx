import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { act, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, it, vi } from 'vitest';
import { usageQuery } from '@/api/me';
import { sourcesQuery } from '@/api/sources';
import { News } from '@/live/news';
import { account, job, news, source, usage } from '@/test/builders';
import { AccountCard } from './account-card';

const zoom = source({ accounts: [account()] });

function show(shown = account()) {
  const client = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } });
  client.setQueryData(usageQuery.queryKey, usage());
  client.setQueryData(sourcesQuery.queryKey, [zoom]);
  const heard = new News(client, () => undefined);
  render(
    <QueryClientProvider client={client}>
      <AccountCard source={zoom} account={shown} />
    </QueryClientProvider>,
  );
  const empty = { jobs: [], accounts: [], attempts: [], activities: [], connectors: [] };
  const begin = (jobs = [job({ found: 12, imported: 4, open: 8 })]) => act(async () => heard.snapshot({ ...empty, jobs }));
  return { heard, begin };
}

it('a sync that the stream tells of is on the card at once, and moves', async () => {
  const { heard, begin } = show();
  expect(screen.getByText('Up to date.')).toBeTruthy();
  await begin();
  expect(await screen.findByText('Syncing… 4/12 calls')).toBeTruthy();
  expect(screen.getByRole('progressbar', { name: 'Zoom sync' }).getAttribute('aria-valuenow')).toBe('33');
  await act(async () => heard.progress(news({ version: 2, account_id: 'account-1', found: 12, imported: 9, open: 3 })));
  expect(await screen.findByText('Syncing… 9/12 calls')).toBeTruthy();
});

it('what a sync imports is counted as it comes, beyond what was counted before', async () => {
  const { heard, begin } = show(account({ job: job({ found: 12, imported: 4, open: 8 }) }));
  await begin();
  expect(screen.getByText(/^128 calls/)).toBeTruthy();
  await act(async () => heard.progress(news({ version: 2, account_id: 'account-1', found: 12, imported: 9, open: 3 })));
  expect(await screen.findByText(/^133 calls/)).toBeTruthy();
});

it('a sync of another account is not', async () => {
  const { begin } = show();
  await begin([job({ account_id: 'account-2', found: 3, open: 3 })]);
  expect(screen.getByText('Up to date.')).toBeTruthy();
});

it('while it syncs it can be cancelled, and not be started again', async () => {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    asked.push(`${request.method} ${new URL(request.url).pathname}`);
    return Response.json(job({ version: 2, found: 12, open: 8, cancel_requested_at: '2026-11-22T12:00:01Z' }));
  });
  const { begin } = show();
  await begin();
  expect(await screen.findByText('Syncing… 4/12 calls')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Sync now' })).toBeNull();
  await userEvent.click(screen.getByRole('button', { name: 'Cancel Zoom sync' }));
  expect(await screen.findByText('Cancelling…')).toBeTruthy();
  expect(asked).toEqual(['POST /api/jobs/job-1/cancel']);
});
