import { count, counted } from '@/lib/numbers';
import type { Job } from './jobs';

/** What to say of an import that ended: a title, and a line below it. */
export interface Summary {
  kind: 'success' | 'warning' | 'error' | 'info';
  title: string;
  details: string[];
  failed: number;
}

/** Null where nobody needs to hear it: syncs by schedule that found nothing. */
export function summaryOf(job: Job, name: string): Summary | null {
  const hasResult = job.imported > 0 || job.failed > 0;
  if (isByItself(job) && !hasResult) return null;
  const what = `${name} ${job.account_id ? 'sync' : 'import'}`;
  if (job.status === 'failed' && !hasResult) {
    return { kind: 'error', title: `${what} failed`, details: [job.message ?? 'Try again in some minutes.'], failed: 0 };
  }
  return { ...ending(job, what), failed: job.failed };
}

function ending(job: Job, what: string): Omit<Summary, 'failed'> {
  const details = detailsOf(job);
  if (job.status === 'cancelled') return { kind: 'info', title: `${what} cancelled`, details: [importedOf(job), ...details] };
  const isNothing = job.imported + job.failed + job.duplicates === 0;
  const kind = job.failed > 0 ? 'warning' : 'success';
  return { kind, title: `${what} complete: ${isNothing ? 'Nothing new' : importedOf(job)}`, details };
}

function isByItself({ trigger }: Job): boolean {
  return trigger === 'schedule' || trigger === 'webhook';
}

function importedOf(job: Job): string {
  return `${counted(job.imported, 'new call')} imported`;
}

function detailsOf(job: Job): string[] {
  const details: string[] = [];
  if (job.duplicates > 0) details.push(`Skipped ${counted(job.duplicates, 'duplicate')}`);
  if (job.failed > 0) details.push(`${count(job.failed)} failed`);
  return details;
}
