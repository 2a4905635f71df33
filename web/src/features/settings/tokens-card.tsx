import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { sentenceOf } from '@/api/client';
import { RelativeTime } from '@/components/relative-time';
import { Button } from '@/components/ui/button';
import { TitledCard } from '@/components/ui/card';
import { Notice } from '@/components/ui/notice';
import { Skeleton } from '@/components/ui/skeleton';
import { date } from '@/lib/times';
import { tokensQuery, useDeleteToken, type Token } from './queries';

const NewTokenForm = lazy(() => import('./new-token-form').then((module) => ({ default: module.NewTokenForm })));

/** Personal tokens, for programs: made, shown once, deleted. */
export function TokensCard() {
  const { data: tokens, error } = useQuery(tokensQuery);
  return (
    <TitledCard title="API tokens">
      <p className="px-4 pt-4 text-muted-foreground">For programs that act for you. Send one as “Authorization: Bearer …”.</p>
      <Suspense fallback={<div className="h-54 sm:h-23.5" />}>
        <NewTokenForm />
      </Suspense>
      {error && <Notice className="m-4">{sentenceOf(error)}</Notice>}
      {!tokens && !error && <Skeleton className="m-4 h-12" />}
      {tokens && tokens.length > 0 && (
        <ul aria-label="Your tokens" className="divide-y border-t">
          {tokens.map((token) => (
            <TokenRow key={token.id} token={token} />
          ))}
        </ul>
      )}
    </TitledCard>
  );
}

function TokenRow({ token }: { token: Token }) {
  const remove = useDeleteToken();
  const [isSure, setSure] = useState(false);
  return (
    <li className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-3">
      <div className="min-w-0 flex-1 basis-48">
        <p className="truncate font-medium">{token.name}</p>
        <p className="text-muted-foreground">
          Made <RelativeTime time={token.created_at} />,{' '}
          {token.last_used_at ? (
            <>
              last used <RelativeTime time={token.last_used_at} />
            </>
          ) : (
            'never used'
          )}
          {token.expires_at && `, until ${date(token.expires_at)}`}
        </p>
      </div>
      <Button
        variant={isSure ? 'danger' : 'ghost'} size="small" disabled={remove.isPending}
        aria-label={isSure ? `Really delete ${token.name}` : `Delete ${token.name}`}
        onBlur={() => setSure(false)} onClick={() => (isSure ? remove.mutate(token.id) : setSure(true))}
      >
        {isSure ? 'Really delete' : 'Delete'}
      </Button>
    </li>
  );
}
