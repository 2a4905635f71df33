import { useQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { sentenceOf } from '@/api/client';
import { Button } from '@/components/ui/button';
import { TitledCard } from '@/components/ui/card';
import { Field } from '@/components/ui/field';
import { Textarea } from '@/components/ui/input';
import { Notice } from '@/components/ui/notice';
import { Skeleton } from '@/components/ui/skeleton';
import { counted } from '@/lib/numbers';
import { useSaveVocabulary, vocabularyQuery } from './queries';
import { problemOf, termsIn } from './vocabulary';

/** The names and terms that transcriptions listen for. */
export function VocabularyCard() {
  const { data: terms, error } = useQuery(vocabularyQuery);
  return (
    <TitledCard title="Names and terms">
      {error && <Notice className="m-4">{sentenceOf(error)}</Notice>}
      {!terms && !error && <Skeleton className="m-4 h-32" />}
      {terms && <VocabularyForm saved={terms} />}
    </TitledCard>
  );
}

function VocabularyForm({ saved }: { saved: string[] }) {
  const [text, setText] = useState(saved.join('\n'));
  const save = useSaveVocabulary();
  const terms = termsIn(text);
  const mistake = problemOf(terms);
  const isChanged = terms.join('\n') !== saved.join('\n');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isChanged && !mistake) save.mutate(terms, { onSuccess: ({ terms: kept }) => setText(kept.join('\n')) });
  };
  return (
    <form onSubmit={submit} className="grid gap-3 p-4">
      <Field label="One a line, the most important first" problem={mistake ?? (save.error ? sentenceOf(save.error) : undefined)} hint="Recordings are transcribed with these in mind, from the next one on.">
        {(props) => (
          <Textarea
            rows={Math.min(12, Math.max(4, text.split('\n').length))} spellCheck={false} value={text} {...props}
            onChange={(event) => {
              setText(event.target.value);
              save.reset();
            }}
          />
        )}
      </Field>
      <div className="flex items-center justify-end gap-3">
        <span role="status" className="text-muted-foreground">
          {save.isSuccess && !isChanged && (saved.length > 0 ? `Saved ${counted(saved.length, 'term')}` : 'Saved')}
        </span>
        <Button type="submit" disabled={!isChanged || save.isPending || mistake !== undefined}>
          Save
        </Button>
      </div>
    </form>
  );
}
