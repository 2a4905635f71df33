import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { RouterProvider } from 'react-router/dom';
import { meQuery } from './api/me';
import { makeQueryClient } from './app/queries';
import { router } from './app/router';
import { LiveRegion } from './components/live-region';
import { Toaster } from './components/ui/toaster';
import './styles.css';

const client = makeQueryClient(() => void client.invalidateQueries({ queryKey: meQuery.queryKey }));

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
      <LiveRegion />
      <Toaster />
    </QueryClientProvider>
  </StrictMode>,
);
