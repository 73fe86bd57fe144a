"""Runs a command that dies with its parent: no orphan is left, however the parent ends.

Used as `python -I -S tether.py SIGNAL PARENT COMMAND…`: the kernel sends SIGNAL (a number) to the
command when PARENT (a process id, 0 for whichever it is now) is gone. The command takes this
process over, so nothing of this file stays in memory.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def command(signal_number: int, parent: str = "") -> list[str]:
    """Give the start of a command line that ties what follows to `parent`, or else to us."""
    tie = [__file__, str(int(signal_number)), parent or str(os.getpid())]
    return [sys.executable, "-I", "-S", *tie]


def tether(signal_number: int, parent: int) -> None:
    """Ask the kernel for `signal_number` when the parent ends; end now if it has ended already."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        sys.exit("The kernel refused to tie this process to its parent.")
    if parent and os.getppid() != parent:
        sys.exit("The parent has ended already.")


if __name__ == "__main__":
    tether(int(sys.argv[1]), int(sys.argv[2]))
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606 (the command is ours, no shell is wanted)
