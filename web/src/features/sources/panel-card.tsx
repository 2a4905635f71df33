import type { Source } from '@/api/sources';
import { RelativeTime } from '@/components/relative-time';
import { Button } from '@/components/ui/button';
import { Switch } from '@/components/ui/switch';
import { counted } from '@/lib/numbers';
import type { CardState } from './card-state';
import { CardFrame } from './card-frame';
import { useSwitch } from './use-switch';

interface PanelCardProps {
  source: Source;
  onUse: () => void;
}

/** Files and links: what is dropped or pasted in the panels below. */
export function PanelCard({ source, onUse }: PanelCardProps) {
  const isFiles = source.connect.includes('file');
  const flip = useSwitch(source);
  const isOn = source.is_active !== false;
  return (
    <CardFrame
      icon={source.icon}
      name={source.name}
      subtitle={isFiles ? 'Recordings from your disk' : 'Links to videos and playlists'}
      state={stateOf(source, isFiles)}
      toggle={
        <Switch
          aria-label={`Import from ${source.name}`}
          checked={isOn}
          disabled={source.is_active === null || flip.isPending}
          onCheckedChange={(checked) => flip.mutate(checked)}
        />
      }
      facts={counted(source.count, 'call')}
      times={
        source.last_import_at ? (
          <>
            Last import <RelativeTime time={source.last_import_at} />
          </>
        ) : (
          'Nothing imported yet'
        )
      }
      actions={
        <Button variant="quiet" size="small" disabled={!source.is_running || !isOn} onClick={onUse}>
          {isFiles ? 'Choose files' : 'Paste a link'}
        </Button>
      }
    />
  );
}

function stateOf(source: Source, isFiles: boolean): CardState {
  if (source.is_active === false) {
    return { status: 'paused', sentence: 'Nothing is taken until you switch it on.', action: 'none' };
  }
  if (!source.is_running) {
    const sentence = `The connector of ${source.name} is not running. It goes on by itself once it is back.`;
    return { status: 'offline', sentence, action: 'none' };
  }
  const sentence = isFiles ? 'Drop audio or video files below.' : 'Paste links below, one a line.';
  return { status: 'active', sentence, action: 'none' };
}
