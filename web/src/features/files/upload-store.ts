import { isOver, type Upload } from './upload';

/** Where one user's uploads are kept: several people may use one browser. */
export const keyOf = (user: string) => `callvault.uploads.${user}`;

/** Uploads that a reload has cut: their files have to be chosen again, which a page cannot do by itself. */
export function readUploads(storage: Storage, key: string): Upload[] {
  try {
    const kept = JSON.parse(storage.getItem(key) ?? '[]') as Upload[];
    return kept.map((upload) => ({ ...upload, stage: upload.stage === 'checking' ? 'checking' : 'lost', problem: null }));
  } catch {
    return [];
  }
}

/** Keep what is under way. A full storage only costs the memory of it. */
export function keepUploads(storage: Storage, key: string, uploads: readonly Upload[]): void {
  const open = uploads.filter((upload) => !isOver(upload) && upload.stage !== 'failed');
  try {
    storage.setItem(key, JSON.stringify(open));
  } catch {
    // The uploads themselves go on.
  }
}
