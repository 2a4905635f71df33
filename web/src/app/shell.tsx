import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useDeferredValue, useEffect } from 'react';
import { Navigate, NavLink, Outlet, useLocation } from 'react-router';
import { ProblemError, sentenceOf } from '@/api/client';
import { meQuery, type Me } from '@/api/me';
import { Button } from '@/components/ui/button';
import { Notice } from '@/components/ui/notice';
import { Skeleton } from '@/components/ui/skeleton';
import { UserButton } from '@/features/session/user-button';
import { UsageMeter } from '@/features/usage/usage-meter';
import { cn } from '@/lib/cn';
import { idle } from '@/lib/idle';
import type { Connection } from '@/live/stream';
import { useStream } from './use-stream';

const UserMenu = lazy(() => idle().then(() => import('@/features/session/user-menu')).then((module) => ({ default: module.UserMenu })));

/** What every page has around it, for whoever is signed in. */
export function Shell() {
  const { data, error, refetch } = useQuery(meQuery);
  const me = useDeferredValue(data); // what is below is much: drawn in steps
  const { pathname, search } = useLocation();
  if (error instanceof ProblemError && error.status === 401) {
    return <Navigate to={`/sign-in?to=${encodeURIComponent(pathname + search)}`} replace />;
  }
  if (error && !me) {
    return (
      <main className="mx-auto max-w-xl px-4 py-16">
        <h1 className="mb-4 text-xl font-semibold">CallVault</h1>
        <Notice action={<Button onClick={() => void refetch()}>Try again</Button>}>{sentenceOf(error)}</Notice>
      </main>
    );
  }
  return me ? <Frame me={me} /> : <Placeholder />;
}

function Placeholder() {
  return (
    <>
      <div className="h-14 border-b bg-card" />
      <div className="mx-auto max-w-7xl px-4 py-6 sm:px-6" aria-busy>
        <span className="sr-only">Loading…</span>
        <Skeleton className="mb-4 h-9 w-32" />
        <Skeleton className="h-52" />
      </div>
    </>
  );
}

function Frame({ me }: { me: Me }) {
  const connection = useStream();
  return (
    <>
      <a href="#main" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-card focus:px-3 focus:py-2">
        Skip to the content
      </a>
      <header className="border-b bg-card">
        <div className="mx-auto flex min-h-14 max-w-7xl flex-wrap items-center gap-x-2 gap-y-1 px-4 py-2 sm:flex-nowrap sm:gap-x-4 sm:px-6">
          <NavLink to="/import" className="flex min-h-8 shrink-0 items-center gap-2 font-semibold">
            <img src="/assets/icon.svg" alt="" width="24" height="24" />
            CallVault
          </NavLink>
          <nav aria-label="Pages" className="flex gap-1">
            <Page to="/import">Import</Page>
            <Page to="/calls">Calls</Page>
          </nav>
          <div className="order-last w-full sm:order-none sm:ml-auto sm:w-auto">
            <UsageMeter />
          </div>
          <div className="ml-auto sm:ml-0">
            <Suspense fallback={<UserButton me={me} disabled />}>
              <UserMenu me={me} />
            </Suspense>
          </div>
        </div>
      </header>
      <Lost connection={connection} />
      <main id="main" tabIndex={-1} className="mx-auto max-w-7xl px-4 pt-6 pb-28 outline-none sm:px-6">
        <Suspense fallback={<Skeleton className="h-96" />}>
          <Outlet />
        </Suspense>
      </main>
      <ScrollToHash />
    </>
  );
}

function Page({ to, children }: { to: string; children: string }) {
  return (
    <NavLink to={to} className={({ isActive }) => cn('flex h-8 items-center rounded-md px-2.5 hover:bg-muted', isActive && 'bg-muted font-semibold')}>
      {children}
    </NavLink>
  );
}

/** Where nothing is heard any more, what is on the page may be old. */
function Lost({ connection }: { connection: Connection }) {
  return (
    <div role="status" className={cn(connection === 'lost' && 'fixed bottom-4 left-4 z-20 rounded-lg border border-control bg-card px-3 py-2')}>
      {connection === 'lost' && 'The connection is lost. It comes back by itself.'}
    </div>
  );
}

/** A link to a part of the page, #failed say, leads there also when the part comes a moment later. */
function ScrollToHash() {
  const { hash, key } = useLocation();
  useEffect(() => {
    if (!hash || goTo(hash)) return;
    const late = new MutationObserver(() => goTo(hash) && late.disconnect());
    late.observe(document.body, { childList: true, subtree: true });
    const timer = setTimeout(() => late.disconnect(), 5000);
    return () => {
      clearTimeout(timer);
      late.disconnect();
    };
  }, [hash, key]);
  return null;
}

function goTo(hash: string): boolean {
  const part = document.getElementById(hash.slice(1));
  part?.scrollIntoView({ block: 'start' });
  part?.querySelector<HTMLElement>('[tabindex="-1"]')?.focus({ preventScroll: true });
  return part !== null;
}
