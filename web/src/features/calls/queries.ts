import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, unwrap, type Schemas } from '@/api/client';

export type Recording = Schemas['Recording'];
export type Call = Schemas['RecordingWithTranscript'];
export type Segment = Schemas['TranscriptSegment'];

export interface Filter {
  q: string;
  source: string;
}

const PAGE = 100;

/** The library, the latest first, a page at a time. */
export const callsQuery = ({ q, source }: Filter) =>
  infiniteQueryOptions({
    queryKey: ['recordings', { q, source }],
    queryFn: ({ pageParam, signal }) => {
      const query = {
        limit: PAGE,
        sort: 'recorded' as const,
        ...(q ? { q } : {}),
        ...(source ? { source_app: source } : {}),
        ...(pageParam ? { before: pageParam } : {}),
      };
      return unwrap(api.GET('/api/recordings', { params: { query }, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_before,
    placeholderData: keepPreviousData,
  });

export const callQuery = (id: string) =>
  queryOptions({
    queryKey: ['recording', id],
    queryFn: (): Promise<Call> => unwrap(api.GET('/api/recordings/{recording_id}', { params: { path: { recording_id: id } } })),
  });
