import { RiCloseLine, RiRestartLine } from '@remixicon/react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { RelativeTime } from '@/components/relative-time';
import { Button } from '@/components/ui/button';
import { Skeleton } from '@/components/ui/skeleton';
import { itemsQuery, useDismiss, useRetry, type FailedItem, type Group } from './queries';

/** The calls of a cause, each with its own sentence. */
export function FailureItems({ group }: { group: Group }) {
  const { data, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery(itemsQuery(group));
  if (!data) return <Skeleton className="mx-4 mb-3 h-12" />;
  return (
    <div className="px-4 pb-3">
      <ul aria-label="Failed calls" className="divide-y rounded-md border">
        {data.pages.flatMap((page) => page.items).map((item) => (
          <Item key={item.id} item={item} />
        ))}
      </ul>
      {hasNextPage && (
        <Button variant="ghost" size="small" className="mt-2" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
          Show more
        </Button>
      )}
    </div>
  );
}

function Item({ item }: { item: FailedItem }) {
  const retry = useRetry();
  const dismiss = useDismiss();
  return (
    <li className="flex items-center gap-3 px-3 py-2">
      <div className="min-w-0 flex-1">
        <p className="truncate font-medium" title={item.title}>
          {item.title}
        </p>
        <p className="text-muted-foreground">
          {item.message ?? 'It could not be imported.'} <RelativeTime time={item.ended_at} />
          {item.retry_at && (
            <>
              , tried again <RelativeTime time={item.retry_at} />
            </>
          )}
        </p>
      </div>
      {item.retryable && (
        <Button variant="ghost" size="icon" aria-label={`Retry ${item.title}`} disabled={retry.isPending} onClick={() => retry.mutate(item.id)}>
          <RiRestartLine aria-hidden />
        </Button>
      )}
      <Button variant="ghost" size="icon" aria-label={`Dismiss ${item.title}`} disabled={dismiss.isPending} onClick={() => dismiss.mutate(item.id)}>
        <RiCloseLine aria-hidden />
      </Button>
    </li>
  );
}
