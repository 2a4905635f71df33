"""Runs in front of a child: ties its life to ours, gives up root, then becomes the program.

Called by path, without our packages: `guard.py PARENT SIGNAL UID GID PROGRAM ARGUMENTS...`, where UID
and GID are -1 to stay who we are. Done here and not between fork and exec, where a program with threads
may run nothing.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def _become(uid: int, gid: int) -> None:
    if uid < 0:
        return
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with(parent: int, signal: int) -> None:
    """Linux sends the signal when the thread that made us ends; elsewhere the next start cleans up.

    Raises SystemExit where it has ended already.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal)
    if os.getppid() != parent:
        raise SystemExit("the parent ended before the program began")


def main(arguments: list[str]) -> None:
    """Take the place of this process by the program; 127 if it cannot be run."""
    parent, signal, uid, gid = (int(word) for word in arguments[:4])
    try:
        _become(uid, gid)  # first: a change of user clears the death signal
        die_with(parent, signal)
        os.execv(arguments[4], arguments[4:])  # noqa: S606 - the program is one of ours
    except OSError as error:
        print(f"cannot run {arguments[4]}: {error}", file=sys.stderr)
        raise SystemExit(127) from None


if __name__ == "__main__":
    main(sys.argv[1:])
