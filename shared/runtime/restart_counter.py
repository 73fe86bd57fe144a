"""What a process cannot count in its own memory: how often it ended. Kept beside it, in a file.

Who starts it anew (the supervisor) and the watchdog that ends it write here; the process that comes
after reads it. A tally keeps the whole count and the last times, so it never grows.
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
    """One count in one file; without a file it counts nothing."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def add(self) -> None:
        """Count one more, now. A disk that is full or a folder that is gone counts nothing."""
        if self._file is None:
            return
        total, times = self.read()
        draft = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        with suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.write_text(json.dumps({"total": total + 1, "at": [*times, time()][-_KEPT:]}))
            draft.replace(self._file)

    def read(self) -> tuple[int, list[float]]:
        """Return the count, and the last times as seconds since 1970."""
        try:
            told = json.loads((self._file or Path(os.devnull)).read_text())
            return int(told["total"]), [float(each) for each in told["at"]]
        except (OSError, ValueError, TypeError, KeyError):
            return 0, []

    def within(self, seconds: float) -> int:
        """Return how many of the last times lie within so many seconds."""
        since = time() - seconds
        return sum(at >= since for at in self.read()[1])


def restarts(restart_counts: Path | None) -> RestartCounter:
    """How often a process was started anew after it had ended by itself."""
    return RestartCounter(
        restart_counts and restart_counts.with_name(f"{restart_counts.name}.restarts")
    )


def endings(restart_counts: Path | None) -> RestartCounter:
    """How often its watchdog ended it."""
    return RestartCounter(
        restart_counts and restart_counts.with_name(f"{restart_counts.name}.endings")
    )
