import { zodResolver } from '@hookform/resolvers/zod';
import { useForm } from 'react-hook-form';
import { z } from 'zod/mini';
import { sentenceOf } from '@/api/client';
import type { Source } from '@/api/sources';
import { Button } from '@/components/ui/button';
import { Dialog, DialogClose, DialogContent, DialogDescription, DialogFooter, DialogTitle } from '@/components/ui/dialog';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { useConnect } from './use-connect';

const keySchema = z.object({
  key: z.string().check(z.trim(), z.minLength(1, 'Paste the key here.'), z.regex(/^[\x21-\x7e]*$/, 'This is not a key.')),
});

/** Connect by an API key. It is sealed on arrival, and shown to nobody again. */
export function KeyDialog({ source, onClose }: { source: Source; onClose: () => void }) {
  const connect = useConnect();
  const { register, handleSubmit, setError, formState } = useForm({ resolver: zodResolver(keySchema), defaultValues: { key: '' } });
  const submit = handleSubmit(({ key }) =>
    connect
      .mutateAsync({ source: source.source, body: { method: 'api_key', api_key: key } })
      .then(onClose, (error: unknown) => setError('key', { message: sentenceOf(error) })),
  );
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()}>
      <DialogContent className="max-w-md">
        <DialogTitle>Connect {source.name}</DialogTitle>
        <DialogDescription>Your calls come in by themselves from then on.</DialogDescription>
        <form className="mt-4" onSubmit={(event) => void submit(event)} noValidate>
          <Field label="API key" hint={source.api_key_hint} problem={formState.errors.key?.message}>
            {(props) => <Input type="password" autoComplete="off" spellCheck={false} {...props} {...register('key')} />}
          </Field>
          <DialogFooter>
            <DialogClose asChild>
              <Button>Cancel</Button>
            </DialogClose>
            <Button type="submit" variant="primary" disabled={formState.isSubmitting}>
              Connect
            </Button>
          </DialogFooter>
        </form>
      </DialogContent>
    </Dialog>
  );
}
