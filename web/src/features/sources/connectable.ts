import type { Source } from '@/api/sources';

/** Whether accounts of it are connected, by sign-in or by a key. */
export function isConnectable(source: Source): boolean {
  return source.connect.includes('oauth2') || source.connect.includes('api_key');
}
