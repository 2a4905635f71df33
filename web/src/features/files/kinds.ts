import type { Info } from '@/api/info';
import { bytes } from '@/lib/numbers';

/** What files are taken, as the gateway says. */
export type Rules = Pick<Info, 'upload_limit_bytes' | 'accepted_types'>;

function endingOf(name: string): string {
  return /\.[^.]+$/.exec(name)?.[0]?.toLowerCase() ?? '';
}

/** In words: `MP3, WAV, M4A, up to 5 GB`. */
export function taken(rules: Rules): string {
  return `${rules.accepted_types.map((type) => type.name).join(', ')}, up to ${bytes(rules.upload_limit_bytes)}`;
}

/** For the file chooser. */
export function acceptOf(rules: Rules | undefined): string {
  return rules?.accepted_types.flatMap((type) => type.extensions).join(',') ?? '';
}

/** Of videos the sound alone is transcribed, which the row says. */
export function isVideo(name: string, rules: Rules | undefined): boolean {
  const ending = endingOf(name);
  return Boolean(rules?.accepted_types.some((type) => type.has_picture && type.extensions.includes(ending)));
}

/** Why a file is not taken, before a byte of it is read; null where it may be. The gateway judges by content, later. */
export function refusal(file: Pick<File, 'name' | 'size'>, rules: Rules): string | null {
  const ending = endingOf(file.name);
  if (!rules.accepted_types.some((type) => type.extensions.includes(ending))) {
    const what = ending ? `${ending.slice(1).toUpperCase()} files are` : 'A file without an ending is';
    return `${what} not taken. Use ${taken(rules)}.`;
  }
  if (file.size === 0) return 'The file is empty. Choose another one.';
  const limit = rules.upload_limit_bytes;
  if (file.size > limit) return `The file has ${bytes(file.size)}, the limit is ${bytes(limit)}. Upload its sound alone, or in parts.`;
  return null;
}

/** What lies about in folders and is no recording: left out without a word. */
export function isHidden(name: string): boolean {
  return name.startsWith('.') || ['thumbs.db', 'desktop.ini'].includes(name.toLowerCase());
}
