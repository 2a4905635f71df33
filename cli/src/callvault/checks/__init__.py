"""What `callvault doctor` looks at: one function for each question, none of which changes anything."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One answer: what was looked at, whether it is well, what was found, how to mend it."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
