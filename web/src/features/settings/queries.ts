import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';
import { toast } from 'sonner';
import { api, sentenceOf, unwrap, type Schemas } from '@/api/client';

export type Token = Schemas['Token'];

export const tokensQuery = queryOptions({
  queryKey: ['tokens'],
  queryFn: async (): Promise<Token[]> => (await unwrap(api.GET('/api/tokens'))).tokens,
});

export function useMakeToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Schemas['NewToken']) => unwrap(api.POST('/api/tokens', { body })),
    onSuccess: () => client.invalidateQueries({ queryKey: tokensQuery.queryKey }),
  });
}

export function useDeleteToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => unwrap(api.DELETE('/api/tokens/{token_id}', { params: { path: { token_id: id } } })),
    onError: (error) => void toast.error(sentenceOf(error)),
    onSettled: () => client.invalidateQueries({ queryKey: tokensQuery.queryKey }),
  });
}

export const vocabularyQuery = queryOptions({
  queryKey: ['vocabulary'],
  queryFn: async (): Promise<string[]> => (await unwrap(api.GET('/api/vocabulary'))).terms,
});

export function useSaveVocabulary() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (terms: string[]) => unwrap(api.PUT('/api/vocabulary', { body: { terms } })),
    onSuccess: ({ terms }) => client.setQueryData(vocabularyQuery.queryKey, terms),
  });
}
