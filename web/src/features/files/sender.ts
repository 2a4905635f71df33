import { DetailedError, Upload as Tus } from 'tus-js-client';
import { UPLOADS } from './uploads-api';
import type { Upload } from './upload';

/** What a sender tells of one upload. */
export interface Listener {
  onUrl: (url: string) => void;
  onProgress: (sent: number) => void;
  onDone: () => void;
  /** The network is away: worth another try, with what was sent kept. */
  onLost: () => void;
  onRefused: (sentence: string) => void;
}

export interface Sending {
  /** Stop sending; what was sent stays at the gateway. */
  stop: () => void;
  /** Stop, and let the gateway forget what was sent. */
  forget: () => Promise<void>;
}

export type Send = (file: File, upload: Upload, listener: Listener) => Sending;

const GIVEN_UP = 'The upload was given up in the meantime. Start it again.';
const GONE = new Set([403, 404, 410]);
const BUSY = new Set([423, 429]);

/** Send by tus: from where the gateway has it already, if the upload has an address. */
export const send: Send = (file, upload, listener) => {
  const tus = new Tus(file, {
    endpoint: UPLOADS,
    uploadUrl: upload.url,
    retryDelays: [0, 1000, 3000],
    storeFingerprintForResuming: false,
    metadata: {
      filename: file.name,
      filetype: file.type,
      last_modified: String(file.lastModified),
      ...(upload.sha256 ? { sha256: upload.sha256 } : {}),
    },
    onUploadUrlAvailable: () => tus.url && listener.onUrl(tus.url),
    onProgress: (sent) => listener.onProgress(sent),
    onSuccess: () => listener.onDone(),
    onError: (error) => {
      const sentence = refusalIn(error);
      if (sentence === null) listener.onLost();
      else listener.onRefused(sentence);
    },
  });
  tus.start();
  return { stop: () => void tus.abort(), forget: () => tus.abort(true) };
};

/** Null where nobody answered, or where it is worth another try. */
function refusalIn(error: Error): string | null {
  const answer = error instanceof DetailedError ? error.originalResponse : null;
  if (!answer) return null;
  const status = answer.getStatus();
  if (status === 0 || status >= 500 || BUSY.has(status)) return null;
  return sentenceIn(answer.getBody()) ?? (GONE.has(status) ? GIVEN_UP : 'The file was refused. Try again.');
}

function sentenceIn(body: string): string | null {
  try {
    const problem = JSON.parse(body) as { detail?: unknown };
    return typeof problem.detail === 'string' ? problem.detail : null;
  } catch {
    return null;
  }
}
