import { QueryClientProvider } from '@tanstack/react-query';
import { startTransition, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';
import { meQuery } from '@/api/me';
import { LiveRegion } from '@/components/live-region';
import { Toaster } from '@/components/ui/toaster';
import { Pages } from './pages';
import { makeQueryClient } from './queries';

export function start(): void {
  const client = makeQueryClient(() => void client.invalidateQueries({ queryKey: meQuery.queryKey }));
  const root = createRoot(document.getElementById('root') as HTMLElement);
  // In steps, between which the browser answers to whoever scrolls or types.
  startTransition(() =>
    root.render(
      <StrictMode>
        <QueryClientProvider client={client}>
          <BrowserRouter>
            <Pages />
          </BrowserRouter>
          <LiveRegion />
          <Toaster />
        </QueryClientProvider>
      </StrictMode>,
    ),
  );
}
