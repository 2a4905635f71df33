import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, unwrap, type Schemas } from '@/api/client';

type Credentials = Schemas['Credentials'];

/** Sign in, or make an account, which signs in, too. What was known of somebody else is forgotten. */
export function useSignIn(isNew: boolean) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Credentials) => unwrap(isNew ? api.POST('/api/users', { body }) : api.POST('/api/session', { body })),
    onSuccess: () => client.clear(),
  });
}

export function useSignOut() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.DELETE('/api/session')),
    onSuccess: () => client.clear(),
  });
}
