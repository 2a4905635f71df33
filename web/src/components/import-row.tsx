import { RiCloseLine, RiRestartLine } from '@remixicon/react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from 'react-router';
import { toast } from 'sonner';
import { api, sentenceOf, unwrap } from '@/api/client';
import type { Import } from '@/api/imports';
import { useNow } from '@/lib/now';
import { activityQuery } from '@/live/activity';
import { stateOfImport } from '@/live/import-state';
import { isOpen, jobsQuery, putJob } from '@/live/jobs';
import { ProgressRow } from './progress-row';
import { Button } from './ui/button';

interface ImportRowProps {
  told: Import;
  title: string;
  facts?: string;
}

/** An import of a file or of links that the gateway has taken in. */
export function ImportRow({ told, title, facts }: ImportRowProps) {
  const { data: live } = useQuery({ ...jobsQuery, select: (jobs) => jobs[told.id] });
  const { data: activity } = useQuery({ ...activityQuery, select: (all) => all[told.id] });
  const now = useNow(activity?.doing === 'waiting' ? 'quick' : 'slow');
  const state = stateOfImport(told, live, activity, now);
  const isUnderWay = isOpen(live ?? told);
  return (
    <ProgressRow
      title={title}
      facts={facts}
      sentence={state.sentence}
      tone={state.tone}
      progress={state.progress}
      actions={
        <>
          {state.recordingId && (
            <Button asChild variant="link" size="inline">
              <Link to={`/calls/${state.recordingId}`} aria-label={`Open ${title}`}>
                Open
              </Link>
            </Button>
          )}
          {state.retryId && <Retry item={state.retryId} title={title} />}
          {isUnderWay && <Cancel job={told.id} title={title} />}
        </>
      }
    />
  );
}

function Retry({ item, title }: { item: string; title: string }) {
  const client = useQueryClient();
  const retry = useMutation({
    mutationFn: () => unwrap(api.POST('/api/failures/{item_id}/retry', { params: { path: { item_id: item } } })),
    onSettled: () => Promise.all(['imports', 'failures'].map((key) => client.invalidateQueries({ queryKey: [key] }))),
    onError: (error) => void toast.error(sentenceOf(error)),
  });
  return (
    <Button variant="ghost" size="icon" aria-label={`Retry ${title}`} disabled={retry.isPending} onClick={() => retry.mutate()}>
      <RiRestartLine aria-hidden />
    </Button>
  );
}

function Cancel({ job, title }: { job: string; title: string }) {
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => unwrap(api.POST('/api/jobs/{job_id}/cancel', { params: { path: { job_id: job } } })),
    onSuccess: (changed) => putJob(client, changed),
    onError: (error) => void toast.error(sentenceOf(error)),
  });
  return (
    <Button variant="ghost" size="icon" aria-label={`Cancel ${title}`} disabled={cancel.isPending} onClick={() => cancel.mutate()}>
      <RiCloseLine aria-hidden />
    </Button>
  );
}
