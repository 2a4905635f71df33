import { useId } from 'react';
import { sentenceOf } from '@/api/client';
import type { Account, Source } from '@/api/sources';
import { Dialog, DialogContent, DialogDescription, DialogTitle } from '@/components/ui/dialog';
import { Notice } from '@/components/ui/notice';
import { Switch } from '@/components/ui/switch';
import { exact } from '@/lib/times';
import { arrival } from './card-state';
import { useOptions } from './use-account-actions';

interface OptionsDialogProps {
  source: Source;
  account: Account;
  onClose: () => void;
}

/** An account's settings, each kept at once; and how it is connected. */
export function OptionsDialog({ source, account, onClose }: OptionsDialogProps) {
  const change = useOptions(account);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent>
        <DialogTitle>{source.name} settings</DialogTitle>
        <DialogDescription>{account.email ?? 'This account has no e-mail address.'}</DialogDescription>
        <ul className="mt-4 grid gap-3 empty:hidden">
          {source.options.map((option) => (
            <Option
              key={option.name}
              label={option.label}
              checked={account.options[option.name] ?? option.default ?? false}
              disabled={change.isPending}
              onChange={(checked) => change.mutate({ [option.name]: checked })}
            />
          ))}
        </ul>
        {change.isError && <Notice className="mt-3">{sentenceOf(change.error)}</Notice>}
        <dl className="mt-4 grid grid-cols-[auto_1fr] gap-x-4 gap-y-1 border-t pt-4">
          <dt className="text-muted-foreground">Calls come</dt>
          <dd>{arrival(account)}</dd>
          <dt className="text-muted-foreground">Connected</dt>
          <dd>{exact(account.created_at)}</dd>
          <dt className="text-muted-foreground">Next sync</dt>
          <dd>{account.next_sync_at ? exact(account.next_sync_at) : 'none planned'}</dd>
        </dl>
      </DialogContent>
    </Dialog>
  );
}

interface OptionProps {
  label: string;
  checked: boolean;
  disabled: boolean;
  onChange: (checked: boolean) => void;
}

function Option({ label, checked, disabled, onChange }: OptionProps) {
  const id = useId();
  return (
    <li className="flex items-center justify-between gap-4">
      <label htmlFor={id}>{label}</label>
      <Switch id={id} checked={checked} disabled={disabled} onCheckedChange={onChange} />
    </li>
  );
}
