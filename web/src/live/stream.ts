import type { Schemas } from '@/api/client';
import type { News } from './news';

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;

/** How the stream stands: `lost` from the first failure until it is heard again. */
export type Connection = 'connecting' | 'live' | 'lost';

/**
 * Keeps one event stream open. A browser opens a stream again by itself when it was cut, but not where the answer
 * was an error: then this does, with growing pauses. Every connection begins with a snapshot, so nothing is lost.
 */
export function follow(news: News, onChange: (connection: Connection) => void): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause = FIRST_PAUSE;

  const open = () => {
    clearTimeout(timer);
    source?.close();
    source = new EventSource('/api/events');
    hear(source, 'snapshot', (data) => {
      pause = FIRST_PAUSE;
      onChange('live');
      news.snapshot(data);
    });
    hear(source, 'progress', (data) => news.progress(data));
    hear(source, 'activity', (data) => news.activity(data));
    hear(source, 'source', (data) => news.source(data));
    hear(source, 'attempt', (data) => news.attempt(data));
    hear(source, 'connector', (data) => news.connector(data));
    source.onerror = () => {
      onChange('lost');
      if (source?.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    };
  };
  const onOnline = () => {
    if (source?.readyState !== EventSource.OPEN) open();
  };

  onChange('connecting');
  open();
  window.addEventListener('online', onOnline);
  return () => {
    window.removeEventListener('online', onOnline);
    clearTimeout(timer);
    source?.close();
  };
}

type Events = Schemas['StreamEvents'];

function hear<Name extends keyof Events>(source: EventSource, name: Name, take: (data: Events[Name]) => void): void {
  source.addEventListener(name, (event: MessageEvent<string>) => take(JSON.parse(event.data) as Events[Name]));
}
