"""What can go wrong on this machine, said so that a person can mend it."""


class CallvaultError(Exception):
    """A failure with a stable slug, what happened, and what to do about it."""

    def __init__(self, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class ProcessError(CallvaultError):
    """A program that ended, or was not ready in time, with the last lines of its log."""

    def __init__(self, name: str, what: str, tail: str) -> None:
        super().__init__("process_failed", f"{name} {what}.")
        self.name = name
        self.what = what
        self.tail = tail
