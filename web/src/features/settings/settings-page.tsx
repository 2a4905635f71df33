import { useQueries } from '@tanstack/react-query';
import { TitledCard } from '@/components/ui/card';
import { Skeleton } from '@/components/ui/skeleton';
import { setTheme, useTheme, type Theme } from '@/lib/theme';
import { useTitle } from '@/lib/title';
import { tokensQuery, vocabularyQuery } from './queries';
import { TokensCard } from './tokens-card';
import { VocabularyCard } from './vocabulary-card';

export function SettingsPage() {
  useTitle('Settings');
  const isReady = useReady();
  return (
    <div className="mx-auto grid max-w-2xl gap-4">
      <h1 className="text-xl font-semibold">Settings</h1>
      <ThemeCard />
      {isReady ? (
        <>
          <VocabularyCard />
          <TokensCard />
        </>
      ) : (
        <Skeleton className="h-96 rounded-lg" />
      )}
    </div>
  );
}

/** Whether all is there that takes room: terms that came later would push the tokens down. */
function useReady(): boolean {
  return useQueries({ queries: [vocabularyQuery, tokensQuery], combine: (asked) => asked.every((one) => one.isFetched) });
}

const THEMES: Record<Theme, string> = { system: "The system's choice", light: 'Light', dark: 'Dark' };

function ThemeCard() {
  const theme = useTheme();
  return (
    <TitledCard title="Theme">
      <fieldset aria-label="Theme" className="flex flex-wrap gap-x-6 gap-y-2 p-4">
        {(Object.keys(THEMES) as Theme[]).map((one) => (
          <label key={one} className="flex min-h-6 items-center gap-2">
            <input type="radio" name="theme" className="size-4 accent-accent" checked={theme === one} onChange={() => setTheme(one)} />
            {THEMES[one]}
          </label>
        ))}
      </fieldset>
    </TitledCard>
  );
}
