"""Counters of restarts, in files: a process cannot count its own ends in memory.

The supervisor counts each restart, and the watchdog each process that it ends. The next process reads
the counters. A counter holds the total and the last 100 times, so its file does not grow.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Final

__all__ = ["HOUR_S", "RestartCounter", "endings", "restarts"]

HOUR_S: Final = 3_600.0
_KEPT: Final = 100


class RestartCounter:
    """One counter in one file. Without a file it counts nothing."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def add(self) -> None:
        """Count one more, now. With a full disk or a missing folder it counts nothing."""
        if self._file is None:
            return
        total, times = self.read()
        draft = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_text(json.dumps({"total": total + 1, "at": [*times, time()][-_KEPT:]}))
            draft.replace(self._file)

    def read(self) -> tuple[int, list[float]]:
        """Return the total, and the last times in seconds since 1970."""
        try:
            content = json.loads((self._file or Path(os.devnull)).read_text())
            return int(content["total"]), [float(each) for each in content["at"]]
        except (OSError, ValueError, TypeError, KeyError):
            return 0, []

    def within(self, seconds: float) -> int:
        """Return how many of the last times lie within the last `seconds`."""
        since = time() - seconds
        return sum(at >= since for at in self.read()[1])


def restarts(restart_counts: Path | None) -> RestartCounter:
    """Return the counter of restarts after the process had ended by itself."""
    return RestartCounter(
        restart_counts and restart_counts.with_name(f"{restart_counts.name}.restarts")
    )


def endings(restart_counts: Path | None) -> RestartCounter:
    """Return the counter of processes that the watchdog ended."""
    return RestartCounter(
        restart_counts and restart_counts.with_name(f"{restart_counts.name}.endings")
    )
