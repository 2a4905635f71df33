import {
  RiCheckboxCircleFill, RiErrorWarningFill, RiLinkUnlinkM, RiLoader4Line, RiPauseCircleLine, RiPlugLine,
  RiRefreshLine, RiSpeedMiniLine, type RemixiconComponentType,
} from '@remixicon/react';
import { Badge, type Tone } from '@/components/ui/badge';
import type { Status } from './card-state';

const LOOKS: Record<Status, [string, Tone, RemixiconComponentType]> = {
  active: ['Active', 'success', RiCheckboxCircleFill],
  syncing: ['Active', 'success', RiRefreshLine],
  connecting: ['Connecting', 'accent', RiLoader4Line],
  paused: ['Paused', 'neutral', RiPauseCircleLine],
  error: ['Error', 'danger', RiErrorWarningFill],
  limit: ['Limit reached', 'warning', RiSpeedMiniLine],
  disconnected: ['Disconnected', 'neutral', RiLinkUnlinkM],
  offline: ['Offline', 'warning', RiPlugLine],
};

export function StatusBadge({ status }: { status: Status }) {
  const [word, tone, Icon] = LOOKS[status];
  return (
    <Badge tone={tone}>
      <Icon aria-hidden />
      {word}
    </Badge>
  );
}
