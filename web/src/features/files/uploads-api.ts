import { api, unwrap, type Schemas } from '@/api/client';

export const UPLOADS = '/api/uploads';

export type UploadTold = Schemas['Upload'];
export type KnownFile = Schemas['KnownFile'];

/** What is known of a file by its hash: whether it is in the library, or on its way there. */
export async function findKnown(sha256: string): Promise<KnownFile | undefined> {
  return (await unwrap(api.POST('/api/uploads/check', { body: { sha256: [sha256] } }))).files[0];
}

/** How an upload stands: what the gateway found when it looked into the file. */
export async function findTold(url: string): Promise<UploadTold> {
  const id = new URL(url, location.origin).pathname.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return unwrap(api.GET('/api/uploads/{upload_id}', { params: { path: { upload_id: id } } }));
}

/** The gateway forgets what was sent. Where it has forgotten already, so much the better. */
export async function forget(url: string): Promise<void> {
  await fetch(url, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' } }).catch(() => undefined);
}
