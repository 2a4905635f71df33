import type { Account, Source } from '@/api/sources';
import { Button } from '@/components/ui/button';
import { Dialog, DialogClose, DialogContent, DialogDescription, DialogFooter, DialogTitle } from '@/components/ui/dialog';
import { useDisconnect } from './use-account-actions';

interface DisconnectDialogProps {
  source: Source;
  account: Account;
  onClose: () => void;
}

export function DisconnectDialog({ source, account, onClose }: DisconnectDialogProps) {
  const disconnect = useDisconnect(account, source.name);
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent role="alertdialog" className="max-w-md">
        <DialogTitle>Disconnect {source.name}?</DialogTitle>
        <DialogDescription>Future syncs will stop. Your imported calls will be kept.</DialogDescription>
        <DialogFooter>
          <DialogClose asChild>
            <Button>Keep it</Button>
          </DialogClose>
          <Button
            variant="danger"
            disabled={disconnect.isPending}
            onClick={() => disconnect.mutate(undefined, { onSettled: onClose })}
          >
            Disconnect
          </Button>
        </DialogFooter>
      </DialogContent>
    </Dialog>
  );
}
