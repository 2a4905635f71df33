import { TitledCard } from '@/components/ui/card';
import { RelativeTime } from '@/components/relative-time';
import type { Call } from './queries';

type Entry = Call['history'][number];

const TRIGGERS: Record<string, string> = {
  connect: 'when its source was connected',
  manual: 'by hand',
  upload: 'by an upload',
  schedule: 'by an hourly sync',
  webhook: 'as it was pushed',
  retry: 'by a retry',
};

/** How the call came in, and how often it was found again. */
export function CallHistory({ call }: { call: Call }) {
  if (call.history.length === 0) return null;
  return (
    <TitledCard title="Import history" className="mt-4">
      <ul className="divide-y">
        {call.history.map((entry) => (
          <li key={entry.item_id} className="flex flex-wrap justify-between gap-x-4 px-4 py-2.5">
            <span className="min-w-0 break-words">{sentenceOf(entry)}</span>
            <RelativeTime time={entry.ended_at} className="text-muted-foreground" />
          </li>
        ))}
      </ul>
    </TitledCard>
  );
}

function sentenceOf(entry: Entry): string {
  const what = entry.status === 'imported' ? 'Imported' : 'Found again and skipped as a duplicate';
  const from = entry.filename ?? entry.account_email;
  return [what, TRIGGERS[entry.trigger] ?? '', from ? `(${from})` : ''].filter(Boolean).join(' ');
}
