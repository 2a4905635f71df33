const MOST_TERMS = 100;
const LONGEST_TERM = 60;

/** The terms of a text, one a line. */
export function termsIn(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .filter(Boolean);
}

/** Why these cannot be saved, in a sentence. */
export function problemOf(terms: string[]): string | undefined {
  const long = terms.find((term) => [...term].length > LONGEST_TERM);
  if (long) return `“${[...long].slice(0, 20).join('')}…” is too long. Take ${LONGEST_TERM} characters at most.`;
  if (terms.length > MOST_TERMS) return `These are ${terms.length} terms. Take ${MOST_TERMS} at most.`;
  return undefined;
}
