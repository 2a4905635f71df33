import { ago, exact } from '@/lib/times';
import { useNow } from '@/lib/now';

/** How long ago, with the exact time on hover. */
export function RelativeTime({ time, className }: { time: string; className?: string }) {
  return (
    <time dateTime={time} title={exact(time)} className={className}>
      {ago(time, useNow())}
    </time>
  );
}
