import { RiLogoutBoxRLine, RiSettings3Line } from '@remixicon/react';
import { useNavigate } from 'react-router';
import { toast } from 'sonner';
import { sentenceOf } from '@/api/client';
import type { Me } from '@/api/me';
import {
  DropdownMenu, DropdownMenuContent, DropdownMenuItem, DropdownMenuSeparator, DropdownMenuTrigger,
} from '@/components/ui/dropdown-menu';
import { useSignOut } from './queries';
import { UserButton } from './user-button';

/** Who is signed in, settings, sign out. */
export function UserMenu({ me }: { me: Me }) {
  const navigate = useNavigate();
  const signOut = useSignOut();
  const leave = () =>
    signOut.mutateAsync().then(
      () => navigate('/sign-in'),
      (error: unknown) => void toast.error(sentenceOf(error)),
    );
  return (
    <DropdownMenu>
      <DropdownMenuTrigger asChild>
        <UserButton me={me} />
      </DropdownMenuTrigger>
      <DropdownMenuContent>
        <p className="truncate px-2.5 py-1.5 text-muted-foreground lg:hidden">{me.email}</p>
        <DropdownMenuItem onSelect={() => void navigate('/settings')}>
          <RiSettings3Line aria-hidden /> Settings
        </DropdownMenuItem>
        <DropdownMenuSeparator />
        <DropdownMenuItem onSelect={() => void leave()}>
          <RiLogoutBoxRLine aria-hidden /> Sign out
        </DropdownMenuItem>
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
