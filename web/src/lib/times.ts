const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const STEPS: [Intl.RelativeTimeFormatUnit, number, number][] = [
  ['minute', 60, 3600],
  ['hour', 3600, 86_400],
  ['day', 86_400, 7 * 86_400],
  ['week', 7 * 86_400, 30 * 86_400],
  ['month', 30 * 86_400, 365 * 86_400],
];
const EXACT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'short' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', timeZone: 'UTC' });
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

/** How long ago, in words: `just now`, `12 minutes ago`, `yesterday`. */
export function ago(time: string, now: number): string {
  const seconds = (new Date(time).getTime() - now) / 1000;
  const distance = Math.abs(seconds);
  if (distance < 60) return seconds > 10 ? 'in a moment' : 'just now';
  for (const [unit, size, below] of STEPS) {
    if (distance < below) return RELATIVE.format(Math.trunc(seconds / size), unit);
  }
  return RELATIVE.format(Math.trunc(seconds / (365 * 86_400)), 'year');
}

/** The exact time, in the reader's zone. */
export function exact(time: string): string {
  return EXACT.format(new Date(time));
}

/** A day as months are counted here, by UTC: `1 December`. */
export function utcDay(time: string): string {
  return DAY.format(new Date(time));
}

/** `22 Nov 2026`, in the reader's zone. */
export function date(time: string): string {
  return DATE.format(new Date(time));
}
