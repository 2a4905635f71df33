import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { askForImports } from '@/api/imports';
import { meQuery } from '@/api/me';
import { makeHasher } from './hasher';
import type { Upload } from './upload';
import { UploadQueue } from './upload-queue';
import { keyOf } from './upload-store';
import { findKnown, findTold, forget } from './uploads-api';

let current: { user: string; queue: UploadQueue } | undefined;

export function useUploadQueue(): UploadQueue {
  return queueOf(useQueryClient().getQueryData(meQuery.queryKey)?.id ?? '');
}

/** One for as long as the page is open and its user signed in: uploads go on while other pages are looked at. */
function queueOf(user: string): UploadQueue {
  if (current?.user === user) return current.queue;
  current?.queue.stop();
  current = { user, queue: makeQueue(user) };
  return current.queue;
}

function makeQueue(user: string): UploadQueue {
  return new UploadQueue({
    hash: makeHasher(),
    send: async () => (await import('./sender')).send,
    findKnown,
    findTold,
    forget,
    storage: localStorage,
    key: keyOf(user),
  });
}

export function useUploads(queue: UploadQueue): readonly Upload[] {
  const client = useQueryClient();
  const all = useSyncExternalStore(queue.subscribe, queue.read);
  const taken = all.filter((upload) => upload.stage === 'taken').length;
  useEffect(() => {
    if (taken > 0) void askForImports(client);
  }, [client, taken]);
  useEffect(() => {
    const goOn = () => queue.goOn();
    window.addEventListener('online', goOn);
    return () => window.removeEventListener('online', goOn);
  }, [queue]);
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
