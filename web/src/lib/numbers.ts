const GROUPED = new Intl.NumberFormat('en', { useGrouping: true, maximumFractionDigits: 0 });
const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** A count with thin spaces between thousands: `10 000`. */
export function count(value: number): string {
  return GROUPED.format(value).replaceAll(',', '\u202f');
}

/** A count with its noun: `1 call`, `1 204 calls`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${value === 1 ? noun : `${noun}s`}`;
}

/** Bytes as people say it: `41 MB`, `1.2 GB`. */
export function bytes(size: number): string {
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit >= 3 && value < 10 ? 1 : 0;
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${UNITS[unit] ?? ''}`;
}
