/** Where an upload stands. `lost` is one from before a reload: its file has to be chosen again. */
export type Stage =
  | 'queued'
  | 'hashing'
  | 'waiting'
  | 'uploading'
  | 'paused'
  | 'checking'
  | 'taken'
  | 'known'
  | 'refused'
  | 'failed'
  | 'lost';

/** One file's way up. What became of it once it was taken is told by its job. */
export interface Upload {
  id: string;
  name: string;
  size: number;
  lastModified: number;
  stage: Stage;
  /** Bytes hashed, or sent, as the stage says. */
  done: number;
  sha256: string | null;
  /** The gateway's address of the upload, once it was begun. */
  url: string | null;
  jobId: string | null;
  recordingId: string | null;
  /** What went wrong, as a sentence. */
  problem: string | null;
}

/** Stages in which an upload needs nothing more from this page. */
export function isOver(upload: Upload): boolean {
  return ['taken', 'known', 'refused'].includes(upload.stage);
}

export function isSame(upload: Upload, file: Pick<File, 'name' | 'size' | 'lastModified'>): boolean {
  return upload.name === file.name && upload.size === file.size && upload.lastModified === file.lastModified;
}

/** How far it is, 0 to 1. */
export function shareOf(upload: Upload): number {
  return upload.size > 0 ? upload.done / upload.size : 0;
}
