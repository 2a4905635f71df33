"""A service that cannot start."""

raise SystemExit("the flux capacitor is missing")
