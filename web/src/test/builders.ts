import type { Import } from '@/api/imports';
import type { Usage } from '@/api/me';
import type { Account, Source } from '@/api/sources';
import type { Job, JobNews } from '@/live/jobs';

/** What the gateway would say, with what a test is about. */
export function job(change: Partial<Job> = {}): Job {
  return {
    id: 'job-1', source_app: 'zoom', account_id: 'account-1', trigger: 'manual', title: null, status: 'running',
    found: 0, imported: 0, duplicates: 0, failed: 0, skipped: 0, open: 0, seen: 0, code: null, message: null,
    version: 1, created_at: '2026-11-22T12:00:00Z', started_at: null, ended_at: null, cancel_requested_at: null,
    ...change,
  };
}

export function news(change: Partial<JobNews> = {}): JobNews {
  const { id, started_at: _, cancel_requested_at: __, ...shared } = job();
  return { ...shared, job_id: id, ...change };
}

export function account(change: Partial<Account> = {}): Account {
  return {
    id: 'account-1', source_app: 'zoom', email: 'ada@example.com', status: 'active', reason: null, message: null,
    is_active: true, version: 1, options: {}, webhook: { state: 'pushed', note: null }, count: 128, waiting: 0,
    last_sync_at: '2026-11-22T11:48:00Z', next_sync_at: null, created_at: '2026-11-01T00:00:00Z', job: null,
    ...change,
  };
}

export function source(change: Partial<Source> = {}): Source {
  return {
    source: 'zoom', name: 'Zoom', icon: 'M3 6h11v12H3z', connect: ['oauth2'], api_key_hint: null, link_hosts: [],
    options: [], is_running: true, is_configured: true, is_active: null, count: 128, last_import_at: null,
    accounts: [], attempt: null, ...change,
  };
}

export function usage(change: Partial<Usage> = {}): Usage {
  return {
    plan: 'free', month: '2026-11', used: 7, pending: 0, limit: 10, remaining: 3,
    resets_at: '2026-12-01T00:00:00Z', message: null, ...change,
  };
}

export function imported(change: Partial<Import> = {}): Import {
  return { ...job({ source_app: 'file_upload', account_id: null, trigger: 'upload' }), filename: 'standup.m4a', size: 41_000_000, upload_id: null, links: [], item: null, ...change };
}
