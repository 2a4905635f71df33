import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { askForImports } from '@/api/imports';
import { makeHasher } from './hasher';
import type { Upload } from './upload';
import { UploadQueue } from './upload-queue';
import { findKnown, findTold, forget } from './uploads-api';

let queue: UploadQueue | undefined;

/** One for as long as the page is open: uploads go on while other pages are looked at. */
export function uploads(): UploadQueue {
  queue ??= new UploadQueue({
    hash: makeHasher(),
    send: async () => (await import('./sender')).send,
    findKnown,
    findTold,
    forget,
    storage: localStorage,
  });
  return queue;
}

export function useUploads(): readonly Upload[] {
  const client = useQueryClient();
  const all = useSyncExternalStore(uploads().subscribe, uploads().read);
  const taken = all.filter((upload) => upload.stage === 'taken').length;
  useEffect(() => {
    if (taken > 0) void askForImports(client);
  }, [client, taken]);
  useEffect(() => {
    const goOn = () => uploads().goOn();
    window.addEventListener('online', goOn);
    return () => window.removeEventListener('online', goOn);
  }, []);
  useLeaving(all.some((upload) => upload.stage === 'uploading' || upload.stage === 'waiting'));
  return all;
}

/** The browser asks before the page is left while files are on their way. */
function useLeaving(isBusy: boolean): void {
  useEffect(() => {
    if (!isBusy) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener('beforeunload', ask);
    return () => window.removeEventListener('beforeunload', ask);
  }, [isBusy]);
}
