import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { MemoryRouter } from 'react-router';
import { beforeEach, expect, it, vi } from 'vitest';
import { importsQuery } from '@/api/imports';
import { imported, source } from '@/test/builders';
import { LinksPanel } from './links-panel';

const youtube = source({
  source: 'youtube', name: 'YouTube', connect: ['url'], link_hosts: ['youtube.com'], is_active: true,
  options: [{ name: 'transcribe_missing', label: 'Transcribe videos without captions', default: false }],
});
let sent: unknown[];

beforeEach(() => {
  sent = [];
  vi.stubGlobal('fetch', async (request: Request) => {
    if (request.method === 'POST') sent.push(await request.json());
    const body = request.method === 'POST' ? { jobs: [], refused: [] } : { imports: [], next_before: null };
    return Response.json(body, { status: 200 });
  });
});

function show(change = {}) {
  const client = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } });
  client.setQueryData(importsQuery('youtube').queryKey, [
    imported({ source_app: 'youtube', links: ['https://youtube.com/watch?v=a'], filename: null }),
  ]);
  render(
    <QueryClientProvider client={client}>
      <MemoryRouter>
        <LinksPanel source={{ ...youtube, ...change }} fieldRef={null} />
      </MemoryRouter>
    </QueryClientProvider>,
  );
  return { field: screen.getByLabelText('Paste one or more links'), button: screen.getByRole('button', { name: 'Import' }) };
}

it('what is typed is checked at once, and told with its field', async () => {
  const { field, button } = show();
  await userEvent.type(field, 'https://vimeo.com/1');
  expect(screen.getByRole('alert').textContent).toBe('https://vimeo.com/1: this is not a link to YouTube.');
  expect(field.getAttribute('aria-describedby')).toBe(screen.getByRole('alert').id);
  expect(button).toHaveProperty('disabled', true);
});

it('links are sent with the wishes, and the field is free again', async () => {
  const { field, button } = show();
  await userEvent.click(field);
  await userEvent.paste('youtube.com/watch?v=a\nyoutube.com/watch?v=b');
  await userEvent.click(screen.getByLabelText('Transcribe videos without captions'));
  await userEvent.click(button);
  await vi.waitFor(() => expect(field).toHaveProperty('value', ''));
  const links = ['https://youtube.com/watch?v=a', 'https://youtube.com/watch?v=b'];
  expect(sent).toEqual([{ links, options: { transcribe_missing: true } }]);
});

it('until its title is known a row shows the link', () => {
  show();
  expect(screen.getByRole('list', { name: 'YouTube links' }).textContent).toContain('https://youtube.com/watch?v=a');
});

it('switched off it takes nothing, and says where to switch it on', () => {
  const { field } = show({ is_active: false });
  expect(field).toHaveProperty('disabled', true);
  expect(screen.getByText('YouTube is switched off. Switch it on above to import.')).toBeTruthy();
});
