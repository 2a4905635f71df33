import { bytes } from '@/lib/numbers';

const AUDIO = ['mp3', 'wav', 'm4a'];
const VIDEO = ['mp4', 'mov', 'webm'];

/** What is taken, in words. */
export const TAKEN = 'MP3, WAV, M4A, MP4, MOV, WebM';

/** For the file chooser. */
export const ACCEPT = [...AUDIO, ...VIDEO].map((ending) => `.${ending}`).join(',');

function endingOf(name: string): string {
  return /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
}

/** Of videos the sound alone is transcribed, which the row says. */
export function isVideo(name: string): boolean {
  return VIDEO.includes(endingOf(name));
}

/** Why a file is not taken, before a byte of it is read; null where it may be. The gateway judges by content, later. */
export function refusal(file: Pick<File, 'name' | 'size'>, limit: number): string | null {
  const ending = endingOf(file.name);
  if (![...AUDIO, ...VIDEO].includes(ending)) {
    return `${ending ? `${ending.toUpperCase()} files are` : 'A file without an ending is'} not taken. Use ${TAKEN}, up to ${bytes(limit)}.`;
  }
  if (file.size === 0) return 'The file is empty. Choose another one.';
  if (file.size > limit) return `The file has ${bytes(file.size)}, the limit is ${bytes(limit)}. Upload its sound alone, or in parts.`;
  return null;
}

/** What lies about in folders and is no recording: left out without a word. */
export function isHidden(name: string): boolean {
  return name.startsWith('.') || ['thumbs.db', 'desktop.ini'].includes(name.toLowerCase());
}
