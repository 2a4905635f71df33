import { useSyncExternalStore } from 'react';

let said = '';
const listeners = new Set<() => void>();

/** Say it to whoever reads by ear, once they have heard what is being said. */
export function announce(sentence: string): void {
  if (sentence === said) return;
  said = sentence;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** One for the whole page: several would talk over one another. */
export function LiveRegion() {
  const sentence = useSyncExternalStore(subscribe, () => said);
  return (
    <div role="status" aria-live="polite" className="sr-only">
      {sentence}
    </div>
  );
}
