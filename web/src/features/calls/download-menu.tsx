import { RiDownloadLine } from '@remixicon/react';
import { Button } from '@/components/ui/button';
import { DropdownMenu, DropdownMenuContent, DropdownMenuItem, DropdownMenuTrigger } from '@/components/ui/dropdown-menu';
import type { Call } from './queries';

const KINDS = [
  ['txt', 'Text (TXT)'],
  ['vtt', 'Subtitles (VTT)'],
  ['json', 'Data (JSON)'],
] as const;

export function DownloadMenu({ call }: { call: Call }) {
  const hasTimes = (call.segments?.length ?? 0) > 0;
  return (
    <DropdownMenu>
      <DropdownMenuTrigger asChild>
        <Button size="small">
          <RiDownloadLine aria-hidden /> Download
        </Button>
      </DropdownMenuTrigger>
      <DropdownMenuContent>
        {KINDS.map(([kind, label]) => {
          const address = `/api/recordings/${call.id}/transcript?format=${kind}`;
          if (kind === 'vtt' && !hasTimes) return <DropdownMenuItem key={kind} disabled>{label}: it has no times</DropdownMenuItem>;
          return (
            <DropdownMenuItem key={kind} asChild>
              <a href={address} download>
                {label}
              </a>
            </DropdownMenuItem>
          );
        })}
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
