import { RiCloseLine, RiPauseLine, RiPlayLine, RiRestartLine, type RemixiconComponentType } from '@remixicon/react';
import { Link } from 'react-router';
import { ProgressRow } from '@/components/progress-row';
import { Button } from '@/components/ui/button';
import { bytes } from '@/lib/numbers';
import { isOver, type Upload } from './upload';
import { stateOfUpload } from './upload-state';
import type { UploadQueue } from './upload-queue';

interface UploadRowProps {
  queue: UploadQueue;
  upload: Upload;
  isVideo: boolean;
  onChoose: () => void;
}

/** A file on its way up. Once the gateway has taken it, its import's row stands here. */
export function UploadRow({ queue, upload, isVideo, onChoose }: UploadRowProps) {
  const { sentence, tone, progress } = stateOfUpload(upload);
  return (
    <ProgressRow
      title={upload.name}
      facts={factsOf(upload.size, isVideo)}
      sentence={sentence}
      tone={tone}
      progress={progress}
      actions={<Actions queue={queue} upload={upload} onChoose={onChoose} />}
    />
  );
}

export function factsOf(size: number | null, isVideo: boolean): string {
  return [size === null ? null : bytes(size), isVideo ? 'Only the audio is transcribed.' : null].filter(Boolean).join(' · ');
}

function Actions({ queue, upload, onChoose }: Omit<UploadRowProps, 'isVideo'>) {
  const { id, name, stage } = upload;
  return (
    <>
      {stage === 'known' && upload.recordingId && (
        <Button asChild variant="link" size="inline">
          <Link to={`/calls/${upload.recordingId}`} aria-label={`Open ${name}`}>
            Open
          </Link>
        </Button>
      )}
      {stage === 'lost' && (
        <Button size="small" onClick={onChoose} aria-label={`Choose ${name} again`}>
          Choose
        </Button>
      )}
      <GoOn queue={queue} upload={upload} />
      {stage !== 'checking' && stage !== 'taken' && (
        <Act icon={RiCloseLine} label={`${isOver(upload) ? 'Dismiss' : 'Cancel'} ${name}`} act={() => queue.cancel(id)} />
      )}
    </>
  );
}

/** Pause, resume or retry, whichever there is to do. */
function GoOn({ queue, upload: { id, name, stage } }: { queue: UploadQueue; upload: Upload }) {
  if (stage === 'uploading' || stage === 'waiting') return <Act icon={RiPauseLine} label={`Pause ${name}`} act={() => queue.pause(id)} />;
  if (stage === 'paused') return <Act icon={RiPlayLine} label={`Resume ${name}`} act={() => queue.resume(id)} />;
  if (stage === 'failed') return <Act icon={RiRestartLine} label={`Retry ${name}`} act={() => queue.retry(id)} />;
  return null;
}

function Act({ icon: Icon, label, act }: { icon: RemixiconComponentType; label: string; act: () => void }) {
  return (
    <Button variant="ghost" size="icon" aria-label={label} onClick={act}>
      <Icon aria-hidden />
    </Button>
  );
}
