import { RiMoreLine } from '@remixicon/react';
import type { ComponentProps } from 'react';
import type { Account, Source } from '@/api/sources';
import { Button } from '@/components/ui/button';

interface AccountButtonProps extends ComponentProps<typeof Button> {
  source: Source;
  account: Account;
}

/** Opens an account's menu. Until that has come it stands in its place, disabled. */
export function AccountButton({ source, account, ...props }: AccountButtonProps) {
  const about = account.email ? `${source.name} (${account.email})` : source.name;
  return (
    <Button variant="ghost" size="icon" className="-mr-1.5 size-7 disabled:opacity-100" aria-label={`More for ${about}`} {...props}>
      <RiMoreLine aria-hidden />
    </Button>
  );
}
