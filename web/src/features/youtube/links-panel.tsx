import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState, type FormEvent, type Ref } from 'react';
import { api, sentenceOf, unwrap } from '@/api/client';
import { askForImports, importsQuery, type Import } from '@/api/imports';
import type { Source } from '@/api/sources';
import { ImportRow } from '@/components/import-row';
import { Button } from '@/components/ui/button';
import { TitledCard } from '@/components/ui/card';
import { Field } from '@/components/ui/field';
import { Textarea } from '@/components/ui/input';
import { counted } from '@/lib/numbers';
import { LinkOptions } from './link-options';
import { readLinks } from './links';

const MOST = 50;
const SHOWN = 8;

/** Where a source's links are pasted, and a row for each paste. */
export function LinksPanel({ source, fieldRef }: { source: Source; fieldRef: Ref<HTMLTextAreaElement> }) {
  const { data: imports = [] } = useQuery(importsQuery(source.source));
  return (
    <TitledCard title={source.name} id={source.source} className="min-w-0">
      <LinksForm source={source} fieldRef={fieldRef} />
      {imports.length > 0 && (
        <ul aria-label={`${source.name} links`} className="divide-y border-t">
          {imports.slice(0, SHOWN).map((told) => (
            <ImportRow key={told.id} told={told} title={titleOf(told)} />
          ))}
        </ul>
      )}
    </TitledCard>
  );
}

function titleOf(told: Import): string {
  if (told.links.length > 1) return `${told.title ?? told.links[0] ?? ''} and more from ${counted(told.links.length, 'link')}`;
  return told.title ?? told.links[0] ?? 'Link';
}

function LinksForm({ source, fieldRef }: { source: Source; fieldRef: Ref<HTMLTextAreaElement> }) {
  const [text, setText] = useState('');
  const [options, setOptions] = useState<Record<string, boolean>>({});
  const pasted = readLinks(text, source.link_hosts, source.name);
  const send = useImport(() => setText(''));
  const isOff = source.is_active === false;
  const problem = problemFor(pasted, send.error, send.data?.refused.map((one) => `${one.link}: ${one.message}`));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (pasted.links.length > 0 && pasted.problems.length === 0) send.mutate({ links: pasted.links.slice(0, MOST), options });
  };
  return (
    <form onSubmit={submit} className="grid gap-3 p-4">
      <Field label="Paste one or more links" problem={problem} hint={isOff ? `${source.name} is switched off. Switch it on above to import.` : hintFor(pasted.links.length)}>
        {(props) => (
          <Textarea
            ref={fieldRef} rows={Math.min(8, Math.max(2, text.split('\n').length))} spellCheck={false} disabled={isOff}
            placeholder="https://…" value={text} {...props}
            onChange={(event) => {
              setText(event.target.value);
              send.reset();
            }}
          />
        )}
      </Field>
      <LinkOptions source={source} chosen={options} onChange={setOptions} />
      <Button type="submit" variant="primary" className="justify-self-end" disabled={isOff || send.isPending || pasted.links.length === 0 || pasted.problems.length > 0}>
        Import
      </Button>
    </form>
  );
}

function hintFor(links: number): string {
  if (links > MOST) return `The first ${MOST} of ${links} links are imported now.`;
  return links > 0 ? `${counted(links, 'link')}, ready to import` : 'Videos or whole playlists, one a line';
}

function problemFor(pasted: { problems: string[] }, error: Error | null, refused: string[] | undefined): string | undefined {
  return pasted.problems[0] ?? (error ? sentenceOf(error) : refused?.[0]);
}

function useImport(onTaken: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { links: string[]; options: Record<string, boolean> }) => unwrap(api.POST('/api/imports/url', { body })),
    onSuccess: () => {
      onTaken();
      return askForImports(client);
    },
  });
}
