import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ProblemError } from '@/api/client';
import type { Rules } from './kinds';
import type { Listener, Send } from './sender';
import type { Upload } from './upload';
import { UploadQueue, type Tools } from './upload-queue';
import type { KnownFile, UploadTold } from './uploads-api';

const rules: Rules = {
  upload_limit_bytes: 5_000_000_000,
  accepted_types: [{ name: 'MP3', extensions: ['.mp3'], media_types: ['audio/mpeg'], has_picture: false }],
};

/** Stands for the network: each sending is told here what becomes of it. */
interface Line {
  file: File;
  upload: Upload;
  listener: Listener;
  stop: ReturnType<typeof vi.fn>;
  forget: ReturnType<typeof vi.fn>;
}

let lines: Line[];
let known: Partial<KnownFile>;
let told: Partial<UploadTold>;
let forgotten: string[];
let tools: Tools;

function file(name: string, size = 4): File {
  const made = new File(['a'.repeat(Math.min(size, 10))], name, { lastModified: 1000 });
  Object.defineProperty(made, 'size', { value: size });
  return made;
}

const send: Send = (sent, upload, listener) => {
  const line = { file: sent, upload, listener, stop: vi.fn(), forget: vi.fn(() => Promise.resolve()) };
  lines.push(line);
  return line;
};

beforeEach(() => {
  lines = [];
  known = { state: 'unknown', recording_id: null, job_id: null, upload_id: null };
  told = { state: 'done', job_id: 'job-1' };
  forgotten = [];
  localStorage.clear();
  tools = {
    hash: async (one) => `hash of ${one.name}`,
    send: async () => send,
    findKnown: async () => known as KnownFile,
    findTold: async () => told as UploadTold,
    forget: async (url) => void forgotten.push(url),
    storage: localStorage,
    key: 'uploads of ada',
  };
});

const stages = (queue: UploadQueue) => Object.fromEntries(queue.read().map((one) => [one.name, one.stage]));
const started = (count: number) => vi.waitFor(() => expect(lines).toHaveLength(count));
const reaches = (queue: UploadQueue, name: string, stage: string) => vi.waitFor(() => expect(stages(queue)[name]).toBe(stage));

describe('files', () => {
  it('are sent three at a time, the first first', async () => {
    const queue = new UploadQueue(tools);
    queue.add(['1', '2', '3', '4', '5'].map((n) => file(`${n}.mp3`)), rules);
    await started(3);
    await reaches(queue, '5.mp3', 'waiting');
    expect(lines.map((line) => line.file.name)).toEqual(['1.mp3', '2.mp3', '3.mp3']);
    lines[0]?.listener.onDone();
    await started(4);
    expect(lines[3]?.file.name).toBe('4.mp3');
  });
  it('of a wrong type, empty or too large are refused at once, with the limit', () => {
    const queue = new UploadQueue(tools);
    queue.add([file('notes.pdf'), file('empty.mp3', 0), file('large.mp3', 6_000_000_000)], rules);
    expect(queue.read().map((one) => one.problem)).toEqual([
      'The file has 6 GB, the limit is 5 GB. Upload its sound alone, or in parts.',
      'The file is empty. Choose another one.',
      'PDF files are not taken. Use MP3, up to 5 GB.',
    ]);
    expect(lines).toEqual([]);
  });
  it('that folders hide are left out', () => {
    const queue = new UploadQueue(tools);
    queue.add([file('.DS_Store'), file('Thumbs.db')], rules);
    expect(queue.read()).toEqual([]);
  });
  it('that are in the library say so before a byte travels', async () => {
    known = { state: 'imported', recording_id: 'call-1' };
    const queue = new UploadQueue(tools);
    queue.add([file('intro.mp3')], rules);
    await reaches(queue, 'intro.mp3', 'known');
    expect(queue.read()[0]).toMatchObject({ recordingId: 'call-1' });
    expect(lines).toEqual([]);
  });
  it('that are being imported already show that import', async () => {
    known = { state: 'importing', job_id: 'job-9' };
    const queue = new UploadQueue(tools);
    queue.add([file('intro.mp3')], rules);
    await reaches(queue, 'intro.mp3', 'taken');
    expect(queue.read()[0]?.jobId).toBe('job-9');
  });
  it('that the gateway has begun to receive go on there', async () => {
    known = { state: 'receiving', upload_id: 'up-1' };
    const queue = new UploadQueue(tools);
    queue.add([file('intro.mp3')], rules);
    await started(1);
    expect(lines[0]?.upload.url).toBe('/api/uploads/up-1');
  });
  it('that are chosen twice are one', async () => {
    const queue = new UploadQueue(tools);
    queue.add([file('1.mp3')], rules);
    queue.add([file('1.mp3')], rules);
    expect(queue.read()).toHaveLength(1);
  });
  it('that cannot be read say so', async () => {
    tools.hash = async () => Promise.reject(new Error('NotFoundError'));
    const queue = new UploadQueue(tools);
    queue.add([file('1.mp3')], rules);
    await reaches(queue, '1.mp3', 'failed');
    expect(queue.read()[0]?.problem).toContain('Choose it again');
  });
  it('that cannot be asked for say what the gateway said', async () => {
    tools.findKnown = async () => Promise.reject(new ProblemError(503, 'unavailable', 'The database does not answer.'));
    const queue = new UploadQueue(tools);
    queue.add([file('1.mp3')], rules);
    await reaches(queue, '1.mp3', 'failed');
    expect(queue.read()[0]?.problem).toBe('The database does not answer.');
  });
});

describe('an upload', () => {
  async function sending(): Promise<[UploadQueue, Line]> {
    const queue = new UploadQueue(tools);
    queue.add([file('1.mp3')], rules);
    await started(1);
    return [queue, lines[0] as Line];
  }
  const id = (queue: UploadQueue) => queue.read()[0]?.id as string;

  it('once sent is an import as soon as the gateway has looked into it', async () => {
    const [queue, line] = await sending();
    line.listener.onUrl('/api/uploads/u1');
    line.listener.onDone();
    await reaches(queue, '1.mp3', 'taken');
    expect(queue.read()[0]?.jobId).toBe('job-1');
  });
  it('that the gateway refuses says why', async () => {
    told = { state: 'refused', error: { code: 'not_audio', message: 'This is not a recording.' } };
    const [queue, line] = await sending();
    line.listener.onUrl('/api/uploads/u1');
    line.listener.onDone();
    await reaches(queue, '1.mp3', 'refused');
    expect(queue.read()[0]?.problem).toBe('This is not a recording.');
  });
  it('is paused and goes on where it was', async () => {
    const [queue, line] = await sending();
    line.listener.onUrl('/api/uploads/u1');
    line.listener.onProgress(2);
    queue.pause(id(queue));
    expect(line.stop).toHaveBeenCalled();
    expect(stages(queue)).toEqual({ '1.mp3': 'paused' });
    queue.resume(id(queue));
    await started(2);
    expect(lines[1]?.upload).toMatchObject({ url: '/api/uploads/u1', done: 2 });
  });
  it('that is cancelled is forgotten here and there', async () => {
    const [queue, line] = await sending();
    queue.cancel(id(queue));
    expect(line.forget).toHaveBeenCalled();
    expect(queue.read()).toEqual([]);
  });
  it('that lost the network waits, and goes on when it is back', async () => {
    const [queue, line] = await sending();
    line.listener.onUrl('/api/uploads/u1');
    line.listener.onLost();
    expect(queue.read()[0]).toMatchObject({ stage: 'waiting', problem: 'Waiting for the network…' });
    queue.goOn();
    await started(2);
    expect(lines[1]?.upload.url).toBe('/api/uploads/u1');
  });
  it('that was refused on the way is tried anew from the start', async () => {
    const [queue, line] = await sending();
    line.listener.onUrl('/api/uploads/u1');
    line.listener.onRefused('The upload was given up in the meantime.');
    expect(stages(queue)).toEqual({ '1.mp3': 'failed' });
    queue.retry(id(queue));
    await started(2);
    expect(lines[1]?.upload.url).toBeNull();
  });
});

describe('after a reload', () => {
  it('what was under way asks for its file, and goes on from where it was', async () => {
    const before = new UploadQueue(tools);
    before.add([file('1.mp3')], rules);
    await started(1);
    lines[0]?.listener.onUrl('/api/uploads/u1');
    const after = new UploadQueue(tools);
    expect(stages(after)).toEqual({ '1.mp3': 'lost' });
    after.add([file('1.mp3')], rules);
    await started(2);
    expect(lines[1]?.upload.url).toBe('/api/uploads/u1');
    expect(after.read()).toHaveLength(1);
  });
  it('what the gateway was looking into becomes its import without the file', async () => {
    told = { state: 'checking' };
    const before = new UploadQueue(tools);
    before.add([file('1.mp3')], rules);
    await started(1);
    lines[0]?.listener.onUrl('/api/uploads/u1');
    lines[0]?.listener.onDone();
    told = { state: 'done', job_id: 'job-2' };
    const after = new UploadQueue(tools);
    await reaches(after, '1.mp3', 'taken');
  });
  it('what was over is not remembered, and a cancelled one is forgotten at the gateway', async () => {
    const before = new UploadQueue(tools);
    before.add([file('1.mp3')], rules);
    await started(1);
    lines[0]?.listener.onUrl('/api/uploads/u1');
    const after = new UploadQueue(tools);
    after.cancel(after.read()[0]?.id as string);
    expect(forgotten).toEqual(['/api/uploads/u1']);
    expect(new UploadQueue(tools).read()).toEqual([]);
  });
});
