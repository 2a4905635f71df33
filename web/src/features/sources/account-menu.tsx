import { RiCalendarLine, RiLinkUnlinkM, RiRefreshLine, RiSettings3Line } from '@remixicon/react';
import { useState } from 'react';
import type { Account, Source } from '@/api/sources';
import {
  DropdownMenu, DropdownMenuContent, DropdownMenuItem, DropdownMenuSeparator, DropdownMenuTrigger,
} from '@/components/ui/dropdown-menu';
import { AccountButton } from './account-button';
import { DisconnectDialog } from './disconnect-dialog';
import { OptionsDialog } from './options-dialog';
import { RangeDialog } from './range-dialog';
import { useReconnect } from './use-reconnect';

type Open = 'range' | 'options' | 'disconnect' | null;

/** What is done now and then: a range of days, reconnect, disconnect, settings. */
export function AccountMenu({ source, account }: { source: Source; account: Account }) {
  const [open, setOpen] = useState<Open>(null);
  const reconnect = useReconnect();
  const close = () => setOpen(null);
  return (
    <>
      <DropdownMenu>
        <DropdownMenuTrigger asChild>
          <AccountButton source={source} account={account} />
        </DropdownMenuTrigger>
        <DropdownMenuContent>
          <DropdownMenuItem disabled={account.status !== 'active'} onSelect={() => setOpen('range')}>
            <RiCalendarLine aria-hidden /> Sync a date range…
          </DropdownMenuItem>
          <DropdownMenuItem disabled={!source.is_running} onSelect={() => reconnect.start(source.source)}>
            <RiRefreshLine aria-hidden /> Reconnect
          </DropdownMenuItem>
          <DropdownMenuItem onSelect={() => setOpen('options')}>
            <RiSettings3Line aria-hidden /> Settings…
          </DropdownMenuItem>
          <DropdownMenuSeparator />
          <DropdownMenuItem disabled={account.status === 'disconnected'} onSelect={() => setOpen('disconnect')}>
            <RiLinkUnlinkM aria-hidden /> Disconnect…
          </DropdownMenuItem>
        </DropdownMenuContent>
      </DropdownMenu>
      {open === 'range' && <RangeDialog source={source} account={account} onClose={close} />}
      {open === 'options' && <OptionsDialog source={source} account={account} onClose={close} />}
      {open === 'disconnect' && <DisconnectDialog source={source} account={account} onClose={close} />}
    </>
  );
}
