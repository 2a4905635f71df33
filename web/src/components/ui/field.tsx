import { useId, type ReactNode } from 'react';

/** What a field's input must carry, so that its label, hint and problem are read with it. */
export interface FieldProps {
  id: string;
  'aria-invalid': boolean;
  'aria-describedby': string | undefined;
}

interface LabelledProps {
  label: string;
  hint?: ReactNode;
  problem?: string | undefined;
  children: (props: FieldProps) => ReactNode;
}

/** A label, an input, and below it what is wrong, or a hint. */
export function Field({ label, hint, problem, children }: LabelledProps) {
  const id = useId();
  const below = problem ?? hint;
  return (
    <div data-slot="field" className="grid gap-1.5">
      <label htmlFor={id} className="font-medium">
        {label}
      </label>
      {children({ id, 'aria-invalid': problem !== undefined, 'aria-describedby': below ? `${id}-below` : undefined })}
      {below && (
        <p id={`${id}-below`} role={problem ? 'alert' : undefined} className={problem ? 'text-danger' : 'text-muted-foreground'}>
          {below}
        </p>
      )}
    </div>
  );
}
