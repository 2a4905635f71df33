import { RiArrowDownSLine, RiUserLine } from '@remixicon/react';
import type { ComponentProps } from 'react';
import type { Me } from '@/api/me';
import { Button } from '@/components/ui/button';

/** Opens the menu of whoever is signed in. Until that has come it stands in its place, disabled. */
export function UserButton({ me, ...props }: ComponentProps<typeof Button> & { me: Me }) {
  return (
    <Button variant="ghost" size="small" className="max-w-40 disabled:opacity-100 sm:max-w-60" aria-label={`Account: ${me.email}`} {...props}>
      <RiUserLine aria-hidden className="lg:hidden" />
      <span className="hidden truncate lg:block">{me.email}</span>
      <RiArrowDownSLine aria-hidden />
    </Button>
  );
}
