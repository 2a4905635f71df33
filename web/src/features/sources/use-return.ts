import { useEffect } from 'react';
import { useSearchParams } from 'react-router';
import { toast } from 'sonner';
import { nameOf, type Source } from '@/api/sources';
import { announce } from '@/components/live-region';

/** Coming back from a source's consent page: said once, then the address is as it was before. */
export function useReturn(sources: Source[] | undefined): void {
  const [query, setQuery] = useSearchParams();
  useEffect(() => {
    const connected = query.get('connected');
    const refused = query.get('connect_error');
    if (!sources || (!connected && !refused)) return;
    if (connected) announce(`${nameOf(sources, connected)} is connected. The first sync begins.`);
    if (refused) {
      const source = sources.find((one) => one.source === query.get('source'));
      const name = source?.name ?? 'The source';
      toast.error(`${name} was not connected`, { description: source?.attempt?.message ?? 'Try again from the Import page.' });
    }
    setQuery({}, { replace: true });
  }, [query, setQuery, sources]);
}
