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
    else refuse(sources.find((one) => one.source === query.get('source')));
    setQuery({}, { replace: true });
  }, [query, setQuery, sources]);
}

function refuse(source: Source | undefined): void {
  const description = source?.attempt?.message ?? 'Try again from the Import page.';
  toast.error(`${source?.name ?? 'The source'} was not connected`, { description });
}
