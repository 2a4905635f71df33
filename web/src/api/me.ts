import { queryOptions } from '@tanstack/react-query';
import { api, unwrap, type Schemas } from './client';

export type Me = Schemas['Me'];
export type Usage = Schemas['Usage'];

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: (): Promise<Me> => unwrap(api.GET('/api/me')),
  staleTime: Infinity,
});

export const usageQuery = queryOptions({
  queryKey: ['usage'],
  queryFn: (): Promise<Usage> => unwrap(api.GET('/api/usage')),
});

/** Whether this month's imports are used up. */
export function isUsedUp(usage: Usage | undefined): boolean {
  return usage !== undefined && usage.limit !== null && usage.used >= usage.limit;
}
