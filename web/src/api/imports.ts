import { queryOptions, type QueryClient } from '@tanstack/react-query';
import { api, unwrap, type Schemas } from './client';

export type Import = Schemas['Import'];
export type Item = Schemas['Item'];

const SHOWN = 50;

/** The latest imports of files, or of one source's links. */
export const importsQuery = (source: string) =>
  queryOptions({
    queryKey: ['imports', source],
    queryFn: async (): Promise<Import[]> => {
      const query = { source_app: source, limit: SHOWN };
      return (await unwrap(api.GET('/api/imports', { params: { query } }))).imports;
    },
  });

export function askForImports(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: ['imports'] });
}
