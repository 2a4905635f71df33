import { ProblemError } from '@/api/client';
import type { Hash } from './hasher';
import { isHidden, refusal, type Rules } from './kinds';
import type { Send, Sending } from './sender';
import { isOver, isSame, type Upload } from './upload';
import { keepUploads, readUploads } from './upload-store';
import { UPLOADS, type KnownFile, type UploadTold } from './uploads-api';

const AT_ONCE = 3;
const AGAIN_AFTER = 5000;
const LONGEST_LOOK = 4000;
const UNREADABLE = 'The file cannot be read. Was it moved or changed? Choose it again.';

/** What the queue works with; tests give their own. */
export interface Tools {
  hash: Hash;
  /** Loaded with the first file. */
  send: () => Promise<Send>;
  findKnown: (sha256: string) => Promise<KnownFile | undefined>;
  findTold: (url: string) => Promise<UploadTold>;
  forget: (url: string) => Promise<void>;
  storage: Storage;
  /** Where in the storage. */
  key: string;
}

/**
 * Files on their way up: each is hashed, looked for in the library, then sent, three at a time. What the network
 * or a reload has cut goes on from where it was. A store for React: `subscribe` and `read`.
 */
export class UploadQueue {
  private uploads: readonly Upload[];
  private readonly files = new Map<string, File>();
  private readonly sendings = new Map<string, Sending>();
  private readonly listeners = new Set<() => void>();

  constructor(private readonly tools: Tools) {
    this.uploads = readUploads(tools.storage, tools.key);
    for (const upload of this.uploads) if (upload.stage === 'checking') void this.look(upload.id);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly read = (): readonly Upload[] => this.uploads;

  /** Files that were chosen or dropped. One that a reload has cut goes on. */
  add(files: readonly File[], rules: Rules): void {
    for (const file of files) if (!isHidden(file.name)) this.addOne(file, rules);
  }

  pause(id: string): void {
    this.sendings.get(id)?.stop();
    this.sendings.delete(id);
    this.change(id, { stage: 'paused', problem: null });
    this.fill();
  }

  resume(id: string): void {
    this.change(id, { stage: 'waiting', problem: null });
    this.fill();
  }

  /** Once more, from where it was. */
  retry(id: string): void {
    const upload = this.find(id);
    if (!upload || !this.files.has(id)) return;
    this.change(id, { problem: null, done: 0, url: null });
    void this.prepare(id);
  }

  /** Take it out of the list; what was sent is forgotten at the gateway, too. */
  cancel(id: string): void {
    const upload = this.find(id);
    const sending = this.sendings.get(id);
    if (sending) void sending.forget().catch(() => undefined);
    else if (upload?.url && !isOver(upload)) void this.tools.forget(upload.url);
    this.sendings.delete(id);
    this.files.delete(id);
    this.set(this.uploads.filter((one) => one.id !== id));
    this.fill();
  }

  /** Whoever uploaded has signed out: nothing more is sent in their name. */
  stop(): void {
    for (const sending of this.sendings.values()) sending.stop();
    this.sendings.clear();
    this.files.clear();
  }

  /** The network is back: whoever waited for it goes on at once. */
  goOn(): void {
    this.fill();
  }

  private addOne(file: File, rules: Rules): void {
    const known = this.uploads.find((upload) => isSame(upload, file) && !isOver(upload));
    if (known && known.stage !== 'lost') return;
    const problem = refusal(file, rules);
    const upload = known ?? fresh(file);
    if (!known) this.set([upload, ...this.uploads]);
    if (problem) return this.change(upload.id, { stage: 'refused', problem });
    this.files.set(upload.id, file);
    void this.prepare(upload.id);
  }

  /** Hash it, and see whether the library has it. */
  private async prepare(id: string): Promise<void> {
    const file = this.files.get(id);
    if (!file) return;
    this.change(id, { stage: 'hashing', done: 0 });
    try {
      const sha256 = await this.tools.hash(file, (done) => this.change(id, { done }));
      const known = await this.tools.findKnown(sha256);
      if (!this.find(id)) return; // cancelled meanwhile
      this.change(id, { sha256, done: 0, ...this.found(known) });
      this.fill();
    } catch (error) {
      this.change(id, { stage: 'failed', problem: error instanceof ProblemError ? error.message : UNREADABLE });
    }
  }

  /** What becomes of a file of which this is known. One that another page or an earlier visit has begun goes on. */
  private found(known: KnownFile | undefined): Partial<Upload> {
    if (known?.state === 'imported') return { stage: 'known', recordingId: known.recording_id };
    if (known?.state === 'importing') return { stage: 'taken', jobId: known.job_id };
    const url = known?.state === 'receiving' && known.upload_id ? `${UPLOADS}/${known.upload_id}` : null;
    const isFree = url !== null && !this.uploads.some((upload) => upload.url?.endsWith(url));
    return { stage: 'waiting', ...(isFree ? { url } : {}) };
  }

  /** Start what waits, as far as there is room. */
  private fill(): void {
    const waiting = this.uploads.filter((upload) => upload.stage === 'waiting').reverse();
    for (const upload of waiting.slice(0, Math.max(0, AT_ONCE - this.sendings.size))) void this.start(upload);
  }

  private async start(upload: Upload): Promise<void> {
    const file = this.files.get(upload.id);
    if (!file) return;
    this.sendings.set(upload.id, { stop: () => undefined, forget: () => Promise.resolve() });
    this.change(upload.id, { stage: 'uploading' });
    const send = await this.tools.send();
    const current = this.find(upload.id);
    if (current?.stage !== 'uploading') return;
    const { id } = upload;
    this.sendings.set(id, send(file, current, {
      onUrl: (url) => this.change(id, { url }),
      onProgress: (done) => this.change(id, { done, problem: null }),
      onDone: () => this.end(id, { stage: 'checking', done: upload.size }, () => void this.look(id)),
      onLost: () => this.end(id, { stage: 'waiting', problem: 'Waiting for the network…' }, () => this.later()),
      onRefused: (problem) => this.end(id, { stage: 'failed', problem }),
    }));
  }

  private end(id: string, change: Partial<Upload>, then?: () => void): void {
    this.sendings.delete(id);
    this.change(id, change);
    if (then) then();
    if (change.stage !== 'waiting') this.fill();
  }

  private later(): void {
    setTimeout(() => this.fill(), AGAIN_AFTER);
  }

  /** All bytes are there: what does the gateway say of them? It takes a moment, with large files some. */
  private async look(id: string, pause = 200): Promise<void> {
    const upload = this.find(id);
    if (!upload?.url || upload.stage !== 'checking') return;
    const told = await this.tools.findTold(upload.url).catch(() => null);
    if (told && told.state !== 'checking') {
      this.change(id, ending(told));
      return this.fill();
    }
    setTimeout(() => void this.look(id, Math.min(pause * 1.5, LONGEST_LOOK)), pause);
  }

  private find(id: string): Upload | undefined {
    return this.uploads.find((upload) => upload.id === id);
  }

  private change(id: string, change: Partial<Upload>): void {
    this.set(this.uploads.map((upload) => (upload.id === id ? { ...upload, ...change } : upload)), 'stage' in change || 'url' in change);
  }

  private set(uploads: readonly Upload[], keep = true): void {
    this.uploads = uploads;
    if (keep) keepUploads(this.tools.storage, this.tools.key, uploads);
    for (const listener of this.listeners) listener();
  }
}

/** What the gateway found when it looked into the file. */
function ending({ state, job_id: jobId, error }: UploadTold): Partial<Upload> {
  if (state === 'done') return { stage: 'taken', jobId };
  if (state === 'refused') return { stage: 'refused', problem: error?.message ?? 'The file was refused.' };
  return { stage: 'waiting' }; // bytes are missing after all
}

function fresh(file: File): Upload {
  return {
    id: crypto.randomUUID(), name: file.name, size: file.size, lastModified: file.lastModified, stage: 'queued',
    done: 0, sha256: null, url: null, jobId: null, recordingId: null, problem: null,
  };
}
