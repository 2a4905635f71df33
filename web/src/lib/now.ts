import { useSyncExternalStore } from 'react';

/** One clock for everything that tells how long ago something was: a step each `seconds`. */
function clock(seconds: number) {
  let now = Date.now();
  let timer: ReturnType<typeof setInterval> | undefined;
  const listeners = new Set<() => void>();
  const step = () => {
    now = Date.now();
    for (const listener of listeners) listener();
  };
  return {
    read: () => now,
    subscribe: (listener: () => void) => {
      if (listeners.size === 0) {
        now = Date.now();
        timer = setInterval(step, seconds * 1000);
      }
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) clearInterval(timer);
      };
    },
  };
}

const SLOW = clock(20);
const QUICK = clock(1);

/** The time in milliseconds, right to 20 seconds; to a second where a wait is counted down. */
export function useNow(precision: 'slow' | 'quick' = 'slow'): number {
  const chosen = precision === 'quick' ? QUICK : SLOW;
  return useSyncExternalStore(chosen.subscribe, chosen.read);
}
