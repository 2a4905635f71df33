import { RiErrorWarningLine } from '@remixicon/react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { toast } from 'sonner';
import { api, sentenceOf, unwrap } from '@/api/client';
import { Button } from '@/components/ui/button';
import { duration } from '@/lib/durations';
import { counted } from '@/lib/numbers';
import { callQuery, type Call } from './queries';

interface CallGapsProps {
  call: Call;
  /** Whether the missing stretches are being asked for again. */
  isRetrying: boolean;
  onRetry: (version: number) => void;
}

/** What could not be transcribed, from when to when, and another try. */
export function CallGaps({ call, isRetrying, onRetry }: CallGapsProps) {
  const client = useQueryClient();
  const retry = useMutation({
    mutationFn: () => unwrap(api.POST('/api/recordings/{recording_id}/gaps/retry', { params: { path: { recording_id: call.id } } })),
    onSuccess: ({ version }) => onRetry(version),
    onError: (error) => {
      toast.error(sentenceOf(error));
      void client.invalidateQueries({ queryKey: callQuery(call.id).queryKey });
    },
  });
  if (call.gaps.length === 0) return null;
  const label = isRetrying ? 'Asking again…' : `Retry ${counted(call.gaps.length, 'gap')}`;
  return (
    <div role="status" className="mb-4 flex flex-wrap items-center gap-x-3 gap-y-2 rounded-lg border border-warning bg-card px-4 py-3">
      <RiErrorWarningLine aria-hidden className="size-5 shrink-0 text-warning" />
      <p className="min-w-0 flex-1 basis-48 tabular-nums">
        Missing {call.gaps.map((gap) => `${duration(gap.start)} to ${duration(gap.end)}`).join(', ')}. {call.gaps[0]?.message}
      </p>
      {call.gaps.some((gap) => gap.retryable) && (
        <Button size="small" disabled={isRetrying || retry.isPending} onClick={() => retry.mutate()}>
          {label}
        </Button>
      )}
    </div>
  );
}
