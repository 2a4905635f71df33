import { lazy } from 'react';
import { createBrowserRouter, Link, Navigate, useRouteError } from 'react-router';
import { Button } from '@/components/ui/button';
import { SignInPage } from '@/features/session/sign-in-page';
import { ImportPage } from './import-page';
import { Shell } from './shell';

const CallsPage = lazy(() => import('@/features/calls/calls-page').then((module) => ({ default: module.CallsPage })));
const CallPage = lazy(() => import('@/features/calls/call-page').then((module) => ({ default: module.CallPage })));
const SettingsPage = lazy(() => import('@/features/settings/settings-page').then((module) => ({ default: module.SettingsPage })));

export const router = createBrowserRouter([
  { path: '/sign-in', element: <SignInPage />, errorElement: <Broken /> },
  {
    element: <Shell />,
    errorElement: <Broken />,
    children: [
      { path: '/import', element: <ImportPage /> },
      { path: '/calls', element: <CallsPage /> },
      { path: '/calls/:id', element: <CallPage /> },
      { path: '/settings', element: <SettingsPage /> },
      { path: '/', element: <Navigate to={{ pathname: '/import', search: location.search }} replace /> },
      { path: '*', element: <Missing /> },
    ],
  },
]);

function Missing() {
  return (
    <div className="grid justify-items-center gap-3 py-16 text-center">
      <h1 className="text-xl font-semibold">There is nothing here</h1>
      <Button asChild>
        <Link to="/import">Go to Import</Link>
      </Button>
    </div>
  );
}

/** Something on the page broke, or a part of it could not be loaded, as after an update. */
function Broken() {
  const error = useRouteError();
  return (
    <main role="alert" className="mx-auto grid max-w-md justify-items-center gap-3 px-4 py-16 text-center">
      <h1 className="text-xl font-semibold">This page broke</h1>
      <p>Your calls and imports are safe. Load the page again; if it breaks again, tell your administrator.</p>
      {error instanceof Error && <code className="text-muted-foreground">{error.message}</code>}
      <Button variant="primary" onClick={() => location.reload()}>
        Load again
      </Button>
    </main>
  );
}
