import { useEffect } from 'react';

/** The tab's title, with the page's name first. */
export function useTitle(name: string): void {
  useEffect(() => {
    document.title = `${name} · CallVault`;
  }, [name]);
}
