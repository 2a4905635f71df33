import { RiUpload2Line } from '@remixicon/react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useRef, useState, type Ref } from 'react';
import { infoQuery, type Info } from '@/api/info';
import { importsQuery, type Import } from '@/api/imports';
import { sourcesQuery } from '@/api/sources';
import { ImportRow } from '@/components/import-row';
import { Button } from '@/components/ui/button';
import { TitledCard } from '@/components/ui/card';
import { cn } from '@/lib/cn';
import { acceptOf, isVideo, taken, type Rules } from './kinds';
import type { Upload } from './upload';
import { factsOf, UploadRow } from './upload-row';
import type { UploadQueue } from './upload-queue';
import { useDrop } from './use-drop';
import { useUploadQueue, useUploads } from './use-uploads';

const SHOWN_AT_FIRST = 8;
const FILES = 'file_upload';

/** Where recordings are dropped, and a row for each on its way. */
export function FilesPanel({ buttonRef }: { buttonRef: Ref<HTMLButtonElement> }) {
  const client = useQueryClient();
  const queue = useUploadQueue();
  const own = useUploads(queue);
  const { data: imports = [] } = useQuery(importsQuery(FILES));
  const { data: rules } = useQuery(infoQuery);
  const { data: isActive } = useQuery({
    ...sourcesQuery,
    select: (all) => all.find((one) => one.source === FILES)?.is_active !== false,
    retryOnMount: false, // shown once the sources have come or failed: that they failed stays to be read
  });
  const input = useRef<HTMLInputElement>(null);
  const choose = () => input.current?.click();
  const add = useCallback(
    (files: File[]) => void client.ensureQueryData(infoQuery).then((known) => queue.add(files, known)),
    [client, queue],
  );
  const isOver = useDrop(isActive === false, add);
  return (
    <TitledCard title="Files" id="files" className="min-w-0">
      <DropZone isOff={isActive === false} isOver={isOver} rules={rules} buttonRef={buttonRef} onChoose={choose} />
      <input
        ref={input} type="file" multiple accept={acceptOf(rules)} hidden aria-label="Choose recordings"
        onChange={(event) => {
          add([...(event.target.files ?? [])]);
          event.target.value = '';
        }}
      />
      <Rows queue={queue} uploads={own} imports={imports} rules={rules} onChoose={choose} />
    </TitledCard>
  );
}

interface DropZoneProps {
  isOff: boolean;
  isOver: boolean;
  rules: Info | undefined;
  buttonRef: Ref<HTMLButtonElement>;
  onChoose: () => void;
}

function DropZone({ isOff, isOver, rules, buttonRef, onChoose }: DropZoneProps) {
  return (
    <div
      data-testid="drop-zone"
      className={cn('m-4 grid justify-items-center gap-1 rounded-lg border border-dashed border-control px-4 py-6 text-center', isOver && 'border-accent bg-accent-soft')}
    >
      <RiUpload2Line aria-hidden className="size-6 text-muted-foreground" />
      <p>{isOff ? 'Files are switched off. Switch them on above to import.' : 'Drop recordings or folders here, or'}</p>
      <Button ref={buttonRef} size="small" disabled={isOff} onClick={onChoose}>
        Choose files
      </Button>
      <p className="min-h-10 text-muted-foreground sm:min-h-5">{rules && taken(rules)}</p>
    </div>
  );
}

interface RowsProps {
  queue: UploadQueue;
  uploads: readonly Upload[];
  imports: Import[];
  rules: Rules | undefined;
  onChoose: () => void;
}

function Rows({ queue, uploads: own, imports, rules, onChoose }: RowsProps) {
  const [isAll, setAll] = useState(false);
  const fileRow = (told: Import) => {
    const name = told.filename ?? told.title ?? 'Recording';
    return <ImportRow key={told.id} told={told} title={name} facts={factsOf(told.size, isVideo(name, rules))} />;
  };
  const rows = [
    ...own.map((upload) => {
      const told = imports.find((one) => isOf(one, upload));
      return told ? fileRow(told) : <UploadRow key={upload.id} queue={queue} upload={upload} isVideo={isVideo(upload.name, rules)} onChoose={onChoose} />;
    }),
    ...imports.filter((one) => !own.some((upload) => isOf(one, upload))).map(fileRow),
  ];
  if (rows.length === 0) return null;
  const shown = isAll ? rows : rows.slice(0, Math.max(SHOWN_AT_FIRST, own.length));
  return (
    <>
      <ul aria-label="Files on their way" className="divide-y border-t">
        {shown}
      </ul>
      {shown.length < rows.length && (
        <div className="border-t px-4 py-2">
          <Button variant="ghost" size="small" onClick={() => setAll(true)}>
            Show {rows.length - shown.length} older
          </Button>
        </div>
      )}
    </>
  );
}

/** Whether the import is of this upload; the stream may tell of it before the upload is looked at. */
function isOf(told: Import, upload: Upload): boolean {
  return told.id === upload.jobId || (told.upload_id !== null && upload.url !== null && upload.url.endsWith(`/${told.upload_id}`));
}
