import { createContext, useContext } from 'react';

/** Opens the form for a source's API key. */
export const AskForKey = createContext<(source: string) => void>(() => undefined);

export function useAskForKey(): (source: string) => void {
  return useContext(AskForKey);
}
