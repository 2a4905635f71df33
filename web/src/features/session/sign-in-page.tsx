import { zodResolver } from '@hookform/resolvers/zod';
import { useQuery } from '@tanstack/react-query';
import { useForm } from 'react-hook-form';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { z } from 'zod/mini';
import { sentenceOf } from '@/api/client';
import { infoQuery } from '@/api/info';
import { Button } from '@/components/ui/button';
import { Field } from '@/components/ui/field';
import { Input } from '@/components/ui/input';
import { Notice } from '@/components/ui/notice';
import { useTitle } from '@/lib/title';
import { useSignIn } from './queries';

const email = z.string().check(z.trim(), z.regex(/^\S+@\S+$/, 'Write your e-mail address, such as ada@example.com.'));
const schemas = {
  known: z.object({ email, password: z.string().check(z.minLength(1, 'Write your password.')) }),
  fresh: z.object({ email, password: z.string().check(z.minLength(10, 'Take 10 characters or more.'), z.maxLength(256, 'Take 256 characters at most.')) }),
};

export function SignInPage() {
  const [query] = useSearchParams();
  const { data: info } = useQuery(infoQuery);
  const isNew = query.has('new');
  useTitle(isNew ? 'Make an account' : 'Sign in');
  return (
    <main className="mx-auto grid min-h-dvh w-full max-w-sm content-center gap-6 px-4 py-10">
      <div className="text-center">
        <img src="/assets/icon.svg" alt="" width="40" height="40" className="mx-auto mb-3" />
        <h1 className="text-xl font-semibold">{isNew ? 'Make an account' : 'Sign in to CallVault'}</h1>
        <p className="mt-1 text-balance text-muted-foreground">All your calls in one library, each with its transcript.</p>
      </div>
      <SignInForm key={String(isNew)} isNew={isNew} />
      <p className="min-h-5 text-center">{info && <Other isNew={isNew} isOpen={info.signup === 'open'} />}</p>
    </main>
  );
}

/** The way to the other form; where accounts are made by the administrator, who to ask. */
function Other({ isNew, isOpen }: { isNew: boolean; isOpen: boolean }) {
  if (!isOpen && !isNew) return <span className="text-muted-foreground">Accounts are made by your administrator.</span>;
  return (
    <>
      {isNew ? 'You have an account?' : 'New here?'}{' '}
      <Link to={isNew ? '/sign-in' : '/sign-in?new'} className="inline-flex min-h-6 items-center text-accent underline underline-offset-4">
        {isNew ? 'Sign in' : 'Make an account'}
      </Link>
    </>
  );
}

function SignInForm({ isNew }: { isNew: boolean }) {
  const navigate = useNavigate();
  const [query] = useSearchParams();
  const signIn = useSignIn(isNew);
  const { register, handleSubmit, formState } = useForm({
    resolver: zodResolver(isNew ? schemas.fresh : schemas.known),
    defaultValues: { email: '', password: '' },
  });
  const submit = handleSubmit((credentials) =>
    signIn.mutateAsync(credentials).then(() => navigate(ownPath(query.get('to')), { replace: true }), () => undefined),
  );
  return (
    <form className="grid gap-4 rounded-lg border bg-card p-5" onSubmit={(event) => void submit(event)} noValidate>
      {signIn.error && <Notice>{sentenceOf(signIn.error)}</Notice>}
      <Field label="E-mail" problem={formState.errors.email?.message}>
        {(props) => <Input type="email" autoComplete="username" {...props} {...register('email')} />}
      </Field>
      <Field label="Password" hint={isNew ? '10 characters or more' : undefined} problem={formState.errors.password?.message}>
        {(props) => <Input type="password" autoComplete={isNew ? 'new-password' : 'current-password'} {...props} {...register('password')} />}
      </Field>
      <Button type="submit" variant="primary" disabled={formState.isSubmitting}>
        {isNew ? 'Make account' : 'Sign in'}
      </Button>
    </form>
  );
}

/** Where to go afterwards: a page of ours, whatever the address says. */
function ownPath(to: string | null): string {
  return to && /^\/(import|calls|settings)\b/.test(to) ? to : '/import';
}
