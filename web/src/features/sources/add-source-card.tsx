import { RiAddLine } from '@remixicon/react';

/** The last card: opens the dialog, and says what there is to connect. */
export function AddSourceCard({ names, onOpen }: { names: string[]; onOpen: () => void }) {
  return (
    <button
      type="button"
      onClick={onOpen}
      className="flex h-52 flex-col items-center justify-center gap-1 rounded-lg border border-dashed border-control px-4 transition-colors hover:bg-muted"
    >
      <RiAddLine aria-hidden className="size-6" />
      <span className="font-semibold">Add source</span>
      <span className="line-clamp-2 text-center text-muted-foreground">{names.join(' · ')}</span>
    </button>
  );
}
