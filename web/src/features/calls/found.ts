import type { Schemas } from '@/api/client';

type Part = Schemas['TextPart'];

const LEAD = 24; // characters; a phone shows some forty

/** Where a search has found something, with no more before the match than leaves it in sight on a phone. */
export function inSight(parts: Part[]): Part[] {
  const [lead, ...rest] = parts;
  if (!lead || lead.is_match || lead.text.length <= LEAD) return parts;
  const end = lead.text.slice(-LEAD);
  return [{ ...lead, text: `… ${end.slice(end.indexOf(' ') + 1)}` }, ...rest];
}
