import { isOver, type Upload } from './upload';

const KEY = 'callvault.uploads';

/** Uploads that a reload has cut: their files have to be chosen again, which a page cannot do by itself. */
export function readUploads(storage: Storage): Upload[] {
  try {
    const kept = JSON.parse(storage.getItem(KEY) ?? '[]') as Upload[];
    return kept.map((upload) => ({ ...upload, stage: upload.stage === 'checking' ? 'checking' : 'lost', problem: null }));
  } catch {
    return [];
  }
}

/** Keep what is under way. A full storage only costs the memory of it. */
export function keepUploads(storage: Storage, uploads: readonly Upload[]): void {
  const open = uploads.filter((upload) => !isOver(upload) && upload.stage !== 'failed');
  try {
    storage.setItem(KEY, JSON.stringify(open));
  } catch {
    // The uploads themselves go on.
  }
}
