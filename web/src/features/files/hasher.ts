import type { Asked, Told } from './hasher.worker';

/** Hashes a file, telling how many bytes are done. Rejects where the file cannot be read. */
export type Hash = (file: File, onProgress: (done: number) => void) => Promise<string>;

interface Waiting {
  onProgress: (done: number) => void;
  resolve: (sha256: string) => void;
  reject: (error: Error) => void;
}

/** A hasher in a worker, which is started with the first file. */
export function makeHasher(): Hash {
  const waiting = new Map<string, Waiting>();
  let worker: Worker | undefined;
  const start = () => {
    worker = new Worker(new URL('./hasher.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<Told>) => take(waiting, data);
    worker.onerror = () => {
      for (const one of waiting.values()) one.reject(new Error('no hasher'));
      waiting.clear();
      worker = undefined;
    };
    return worker;
  };
  return (file, onProgress) =>
    new Promise((resolve, reject) => {
      const id = crypto.randomUUID();
      waiting.set(id, { onProgress, resolve, reject });
      (worker ?? start()).postMessage({ id, file } satisfies Asked);
    });
}

function take(waiting: Map<string, Waiting>, told: Told): void {
  const one = waiting.get(told.id);
  if (!one) return;
  if ('done' in told) return one.onProgress(told.done);
  waiting.delete(told.id);
  if ('sha256' in told) one.resolve(told.sha256);
  else one.reject(new Error(told.problem));
}
