import { lazy, Suspense } from 'react';
import { Link, Navigate, Route, Routes, useLocation } from 'react-router';
import { Button } from '@/components/ui/button';
import { Boundary } from './boundary';
import { Shell } from './shell';

const SignInPage = lazy(() => import('@/features/session/sign-in-page').then((module) => ({ default: module.SignInPage })));
const ImportPage = lazy(() => import('./import-page').then((module) => ({ default: module.ImportPage })));
const CallsPage = lazy(() => import('@/features/calls/calls-page').then((module) => ({ default: module.CallsPage })));
const CallPage = lazy(() => import('@/features/calls/call-page').then((module) => ({ default: module.CallPage })));
const SettingsPage = lazy(() => import('@/features/settings/settings-page').then((module) => ({ default: module.SettingsPage })));

/** What stands at which address. Each page is loaded when it is gone to. */
export function Pages() {
  const { key, search } = useLocation();
  return (
    <Boundary place={key}>
      <Suspense>
        <Routes>
          <Route path="/sign-in" element={<SignInPage />} />
          <Route element={<Shell />}>
            <Route path="/import" element={<ImportPage />} />
            <Route path="/calls" element={<CallsPage />} />
            <Route path="/calls/:id" element={<CallPage />} />
            <Route path="/settings" element={<SettingsPage />} />
            <Route path="/" element={<Navigate to={{ pathname: '/import', search }} replace />} />
            <Route path="*" element={<Missing />} />
          </Route>
        </Routes>
      </Suspense>
    </Boundary>
  );
}

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
