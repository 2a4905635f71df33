import { zodResolver } from '@hookform/resolvers/zod';
import { useForm } from 'react-hook-form';
import { z } from 'zod/mini';
import { sentenceOf } from '@/api/client';
import { CopyButton } from '@/components/copy-button';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { useMakeToken } from './queries';

const tokenSchema = z.object({
  name: z.string().check(z.trim(), z.minLength(1, 'Give it a name, such as the program that uses it.'), z.maxLength(200, 'Take 200 characters at most.')),
  days: z.string(),
});

export function NewTokenForm() {
  const make = useMakeToken();
  const { register, handleSubmit, reset, setError, formState } = useForm({
    resolver: zodResolver(tokenSchema),
    defaultValues: { name: '', days: '90' },
  });
  const submit = handleSubmit(({ name, days }) =>
    make.mutateAsync({ name, expires_in_days: days ? Number(days) : null }).then(
      () => reset(),
      (error: unknown) => setError('name', { message: sentenceOf(error) }),
    ),
  );
  return (
    <>
      <form className="grid items-start gap-3 p-4 sm:grid-cols-[1fr_auto_auto]" onSubmit={(event) => void submit(event)} noValidate>
        <Field label="Name" problem={formState.errors.name?.message}>
          {(props) => <Input autoComplete="off" {...props} {...register('name')} />}
        </Field>
        <Field label="Lasts">
          {({ id }) => (
            <select id={id} className="h-9 rounded-md border border-control bg-card px-2" {...register('days')}>
              <option value="30">30 days</option>
              <option value="90">90 days</option>
              <option value="365">a year</option>
              <option value="">until deleted</option>
            </select>
          )}
        </Field>
        <Button type="submit" className="sm:mt-[1.625rem]" disabled={formState.isSubmitting}>
          Make token
        </Button>
      </form>
      {make.data && (
        <div role="status" className="mx-4 mb-4 flex flex-wrap items-center gap-2 rounded-md bg-accent-soft px-3 py-2">
          <span className="basis-full">Copy it now: it is not shown again.</span>
          <code className="min-w-0 flex-1 break-all">{make.data.token}</code>
          <CopyButton text={make.data.token} label="Copy token" />
        </div>
      )}
    </>
  );
}
