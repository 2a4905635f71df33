import { createSHA256 } from 'hash-wasm';

const STEP = 8 * 1024 * 1024;

export interface Asked {
  id: string;
  file: File;
}

export type Told =
  | { id: string; done: number }
  | { id: string; sha256: string }
  | { id: string; problem: string };

const scope = self as unknown as { onmessage: (event: MessageEvent<Asked>) => void; postMessage: (told: Told) => void };
let last = Promise.resolve();

/** One file after the other: they would only share the disk. */
scope.onmessage = ({ data }) => {
  last = last.then(() => hash(data)).catch((error: unknown) => {
    scope.postMessage({ id: data.id, problem: error instanceof Error ? error.name : 'unreadable' });
  });
};

/** In steps, so that a file of gigabytes never lies in memory. */
async function hash({ id, file }: Asked): Promise<void> {
  const sha = await createSHA256();
  for (let at = 0; at < file.size; at += STEP) {
    sha.update(new Uint8Array(await file.slice(at, at + STEP).arrayBuffer()));
    scope.postMessage({ id, done: Math.min(at + STEP, file.size) });
  }
  scope.postMessage({ id, sha256: sha.digest('hex') });
}
