import { bytes } from '@/lib/numbers';
import { shareOf, type Upload } from './upload';

/** What a row says of an upload, and how far its bar is (null: not known, undefined: none). */
export interface RowState {
  sentence: string;
  tone: 'normal' | 'success' | 'danger';
  progress?: number | null;
}

const percent = (upload: Upload) => `${Math.floor(shareOf(upload) * 100)} %`;

const SAY: Record<Upload['stage'], (upload: Upload) => RowState> = {
  queued: () => ({ sentence: 'Waiting', tone: 'normal', progress: 0 }),
  hashing: (upload) => ({ sentence: `Reading ${percent(upload)}`, tone: 'normal', progress: shareOf(upload) }),
  waiting: (upload) => ({ sentence: upload.problem ?? 'Waiting for its turn', tone: 'normal', progress: shareOf(upload) }),
  uploading: (upload) => ({ sentence: `Uploading ${percent(upload)}`, tone: 'normal', progress: shareOf(upload) }),
  paused: (upload) => ({ sentence: `Paused at ${percent(upload)}`, tone: 'normal', progress: shareOf(upload) }),
  checking: () => ({ sentence: 'Uploaded. Looking into the file…', tone: 'normal', progress: null }),
  taken: () => ({ sentence: 'Uploaded. Transcription begins in a moment…', tone: 'normal', progress: null }),
  known: () => ({ sentence: 'Already in your library', tone: 'success' }),
  refused: (upload) => ({ sentence: upload.problem ?? 'The file was refused.', tone: 'danger' }),
  failed: (upload) => ({ sentence: upload.problem ?? 'The upload failed. Try again.', tone: 'danger' }),
  lost: (upload) => ({
    sentence: `Choose the file again to go on${upload.done > 0 ? ` from ${bytes(upload.done)}` : ''}.`,
    tone: 'danger',
    progress: shareOf(upload),
  }),
};

export function stateOfUpload(upload: Upload): RowState {
  return SAY[upload.stage](upload);
}
