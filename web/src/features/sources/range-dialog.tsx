import { zodResolver } from '@hookform/resolvers/zod';
import { useState } from 'react';
import { useForm } from 'react-hook-form';
import { z } from 'zod/mini';
import type { Account, Source } from '@/api/sources';
import { Button } from '@/components/ui/button';
import { Dialog, DialogClose, DialogContent, DialogDescription, DialogFooter, DialogTitle } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { useSync } from './use-account-actions';

const DAY = 86_400_000;

const rangeSchema = z
  .object({
    from: z.string().check(z.minLength(1, 'Choose the first day.')),
    to: z.string().check(z.minLength(1, 'Choose the last day.')),
  })
  .check(z.refine((range) => range.from <= range.to, { path: ['to'], error: 'The last day is before the first.' }));

type Range = z.infer<typeof rangeSchema>;

interface RangeDialogProps {
  source: Source;
  account: Account;
  onClose: () => void;
}

/** Look for all calls of some days, those that were missed or deleted here included. */
export function RangeDialog({ source, account, onClose }: RangeDialogProps) {
  const sync = useSync(account);
  const [lastMonth] = useState(() => ({ from: dayOf(Date.now() - 30 * DAY), to: dayOf(Date.now()) }));
  const { register, handleSubmit, formState } = useForm<Range>({
    resolver: zodResolver(rangeSchema),
    defaultValues: lastMonth,
  });
  const submit = handleSubmit(({ from, to }) =>
    sync.mutateAsync({ from: startOf(from), to: startOf(to, 1) }).then(onClose, () => undefined),
  );
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent className="max-w-md">
        <DialogTitle>Sync a date range</DialogTitle>
        <DialogDescription>All calls of these days at {source.name} that are not in your library yet.</DialogDescription>
        <form className="mt-4" onSubmit={(event) => void submit(event)} noValidate>
          <div className="grid gap-4 sm:grid-cols-2">
            <Field label="First day" problem={formState.errors.from?.message}>
              {(props) => <Input type="date" {...props} {...register('from')} />}
            </Field>
            <Field label="Last day" problem={formState.errors.to?.message}>
              {(props) => <Input type="date" {...props} {...register('to')} />}
            </Field>
          </div>
          <DialogFooter>
            <DialogClose asChild>
              <Button>Cancel</Button>
            </DialogClose>
            <Button type="submit" variant="primary" disabled={formState.isSubmitting}>
              Sync
            </Button>
          </DialogFooter>
        </form>
      </DialogContent>
    </Dialog>
  );
}

/** The day as an input of type date writes it, in the reader's zone. */
function dayOf(time: number): string {
  const day = new Date(time);
  return [day.getFullYear(), String(day.getMonth() + 1).padStart(2, '0'), String(day.getDate()).padStart(2, '0')].join('-');
}

function startOf(day: string, later = 0): string {
  const start = new Date(`${day}T00:00:00`);
  start.setDate(start.getDate() + later);
  return start.toISOString();
}
