import { Component, type ReactNode } from 'react';
import { Button } from '@/components/ui/button';

interface BoundaryProps {
  /** Where the page is: what broke at one place may work at the next. */
  place: string;
  children: ReactNode;
}

interface BoundaryState {
  error: unknown;
  place: string;
  hasBroken: boolean;
}

/** Something on the page broke, or a part of it could not be loaded, as after an update. */
export class Boundary extends Component<BoundaryProps, BoundaryState> {
  override state: BoundaryState = { error: null, place: this.props.place, hasBroken: false };

  static getDerivedStateFromError(error: unknown): Partial<BoundaryState> {
    return { error, hasBroken: true };
  }

  static getDerivedStateFromProps({ place }: BoundaryProps, state: BoundaryState): BoundaryState | null {
    return place === state.place ? null : { error: null, place, hasBroken: false };
  }

  override render(): ReactNode {
    return this.state.hasBroken ? <Broken error={this.state.error} /> : this.props.children;
  }
}

function Broken({ error }: { error: unknown }) {
  return (
    <main role="alert" className="mx-auto grid max-w-md justify-items-center gap-3 px-4 py-16 text-center">
      <h1 className="text-xl font-semibold">This page broke</h1>
      <p>Your calls and imports are safe. Load the page again; if it breaks again, tell your administrator.</p>
      {error instanceof Error && <code className="text-muted-foreground">{error.message}</code>}
      <Button variant="primary" onClick={() => location.reload()}>
        Load again
      </Button>
    </main>
  );
}
