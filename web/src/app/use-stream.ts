import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useNavigate } from 'react-router';
import { toast } from 'sonner';
import { nameOf, sourcesQuery } from '@/api/sources';
import { News } from '@/live/news';
import { follow, type Connection } from '@/live/stream';
import { summaryOf } from '@/live/summary';
import type { Job } from '@/live/jobs';

/** Follow the stream while somebody is signed in, and say what has ended. */
export function useStream(): Connection {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [connection, setConnection] = useState<Connection>('connecting');
  useEffect(() => {
    const news = new News(client, (job) => {
      const sources = client.getQueryData(sourcesQuery.queryKey);
      say(job, nameOf(sources, job.source_app), () => navigate('/import#failed'));
    });
    return follow(news, setConnection);
  }, [client, navigate]);
  return connection;
}

function say(job: Job, name: string, onFailed: () => void): void {
  const summary = summaryOf(job, name);
  if (!summary) return;
  toast[summary.kind](summary.title, {
    description: summary.details.join(' · ') || undefined,
    action: summary.failed > 0 ? { label: 'See what failed', onClick: onFailed } : undefined,
  });
}
