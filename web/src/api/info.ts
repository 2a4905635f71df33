import { queryOptions } from '@tanstack/react-query';
import { api, unwrap, type Schemas } from './client';

export type Info = Schemas['Installation'];

/** What this installation takes, and whether anybody may make an account. */
export const infoQuery = queryOptions({
  queryKey: ['info'],
  queryFn: (): Promise<Info> => unwrap(api.GET('/api/info')),
  staleTime: Infinity,
});
