import { RiFileUploadLine, RiPlug2Line, RiYoutubeLine, type RemixiconComponentType } from '@remixicon/react';

const NAMED: Record<string, RemixiconComponentType> = {
  'file-upload': RiFileUploadLine,
  youtube: RiYoutubeLine,
};
const PATH = /^[Mm][\d\s.,+\-a-zA-Z]*$/;

/** A manifest's icon: the path of an SVG of 24 by 24, or a name. */
export function SourceIcon({ icon }: { icon: string }) {
  if (PATH.test(icon) && /\d/.test(icon)) {
    return (
      <svg viewBox="0 0 24 24" aria-hidden className="size-5 shrink-0 fill-current">
        <path d={icon} />
      </svg>
    );
  }
  const Icon = NAMED[icon] ?? RiPlug2Line;
  return <Icon aria-hidden className="size-5 shrink-0" />;
}
