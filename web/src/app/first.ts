/** What a page needs before it can be shown, whatever the answers are. */
interface First {
  asks: string[];
  load: () => Promise<unknown>;
}

const FRAME = ['/api/me', '/api/usage'];

/** That of the page at an address; of an unknown one, nothing is known in advance. */
export function firstOf({ pathname, search }: Pick<Location, 'pathname' | 'search'>): First {
  const [page, id] = pathname.slice(1).split('/');
  if (page === 'import' || page === '') {
    const asks = [...FRAME, '/api/sources', '/api/failures', '/api/imports?source_app=file_upload&limit=50', '/api/info'];
    return { asks, load: () => import('./import-page') };
  }
  if (page === 'calls' && id) {
    return { asks: [...FRAME, '/api/sources', `/api/recordings/${id}`], load: () => import('@/features/calls/call-page') };
  }
  if (page === 'calls') {
    const latest = search ? [] : ['/api/recordings?limit=100&sort=recorded'];
    return { asks: [...FRAME, '/api/sources', ...latest], load: () => import('@/features/calls/calls-page') };
  }
  if (page === 'settings') {
    return { asks: [...FRAME, '/api/vocabulary', '/api/tokens'], load: () => import('@/features/settings/settings-page') };
  }
  if (page === 'sign-in') return { asks: ['/api/info'], load: () => import('@/features/session/sign-in-page') };
  return { asks: [], load: () => Promise.resolve() };
}
