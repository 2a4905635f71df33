import { useId } from 'react';
import type { Source } from '@/api/sources';
import { Switch } from '@/components/ui/switch';

interface LinkOptionsProps {
  source: Source;
  chosen: Record<string, boolean>;
  onChange: (chosen: Record<string, boolean>) => void;
}

/** The wishes that a source knows for links, from its manifest. */
export function LinkOptions({ source, chosen, onChange }: LinkOptionsProps) {
  const id = useId();
  if (source.options.length === 0) return null;
  return (
    <ul aria-label="Options" className="grid gap-2">
      {source.options.map((option) => (
        <li key={option.name} className="flex items-center gap-3">
          <Switch
            id={`${id}-${option.name}`}
            checked={chosen[option.name] ?? option.default ?? false}
            onCheckedChange={(checked) => onChange({ ...chosen, [option.name]: checked })}
          />
          <label htmlFor={`${id}-${option.name}`}>{option.label}</label>
        </li>
      ))}
    </ul>
  );
}
