import type { QueryClient } from '@tanstack/react-query';
import type { Import } from '@/api/imports';
import { sourcesQuery, type Source } from '@/api/sources';
import { isOpen } from './jobs';
import type { Snapshot } from './news';

/**
 * Whether something has happened between the first answers, which are asked for before the scripts have come, and
 * the stream's first snapshot: nobody tells of that again.
 */
export function hasMissed(client: QueryClient, { jobs, ...now }: Snapshot): boolean {
  const sources = client.getQueryData(sourcesQuery.queryKey);
  if (!sources) return false;
  const accounts = new Map(sources.flatMap((source) => source.accounts).map((one) => [one.id, one.version]));
  const imports = knownJobs(client, sources);
  return (
    now.accounts.some((one) => accounts.get(one.id) !== one.version) ||
    now.attempts.some((one) => sources.some(({ attempt }) => attempt?.id === one.id && attempt.status !== one.status)) ||
    now.connectors.some((one) => sources.some(({ source, is_running }) => source === one.source && is_running !== one.is_running)) ||
    jobs.some((one) => !isOpen(one) && (imports.get(one.id) ?? one.version) < one.version)
  );
}

/** The versions of the imports that are on the page. */
function knownJobs(client: QueryClient, sources: readonly Source[]): Map<string, number> {
  const ofAccounts = sources.flatMap((source) => source.accounts.flatMap(({ job }) => job ?? []));
  const ofPanels = client.getQueriesData<Import[]>({ queryKey: ['imports'] }).flatMap(([, known]) => known ?? []);
  return new Map([...ofAccounts, ...ofPanels].map((one) => [one.id, one.version]));
}
