"""What a watcher wrote down of a run, folded: did all that died come back, was memory bounded.

Append-only JSON lines: `died` and `back` name a process and a moment, `memory` how much memory a
process had. Written from the public contract alone, as the rest of the checker.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from tests.faults.checker.folding import Finding

__all__ = [
    "MOST_MB",
    "MOST_RECOVERY_S",
    "WatchLog",
    "judge",
    "peak_memory",
    "read_watched",
    "recoveries",
]

MOST_MB: Final = 300.0
"""What a service process may hold, whatever is done to it."""
MOST_RECOVERY_S: Final = 150.0
"""How long a process may be away while others die around it, on a machine that others keep busy."""


class WatchLog:
    """The writing side."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.Lock()

    def died(self, who: str, at: float, kind: str, where: str = "") -> None:
        """A process died at a moment, by the wall clock."""
        self._write({"died": who, "at": at, "kind": kind, "where": where})

    def back(self, who: str, at: float, died_at: float) -> None:
        """The successor of what died then reports that it is ready."""
        self._write({"back": who, "at": at, "died_at": died_at})

    def memory(self, who: str, at: float, megabytes: float) -> None:
        """How much memory a process holds."""
        self._write({"memory": who, "at": at, "mb": round(megabytes, 1)})

    def _write(self, line: dict[str, Any]) -> None:
        with self._turn, self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")


def read_watched(path: Path) -> list[dict[str, Any]]:
    """Read what was written down."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def recoveries(lines: Iterable[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], float | None]]:
    """Give each death of a service and the seconds until its successor was ready.

    None where that successor died before it was ready: then its own death counts.
    """
    open_deaths: dict[str, dict[str, Any]] = {}
    for line in lines:
        if "died" in line:
            if (before := open_deaths.pop(line["died"], None)) is not None:
                yield before, None
            open_deaths[line["died"]] = line
        elif "back" in line and (death := open_deaths.pop(line["back"], None)) is not None:
            yield death, line["at"] - death["at"]
    for death in open_deaths.values():
        yield death, float("inf")


def peak_memory(lines: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Give the most that any process of each service used, in megabytes."""
    most: dict[str, float] = defaultdict(float)
    for line in lines:
        if "memory" in line:
            service = line["memory"].partition("-")[0]
            most[service] = max(most[service], line["mb"])
    return dict(most)


def judge(lines: Iterable[dict[str, Any]]) -> list[Finding]:
    """Return every finding: `recovery` and `memory`."""
    known = list(lines)
    return [
        *(
            Finding("recovery", f"{death['died']} was not back {MOST_RECOVERY_S:.0f} s later")
            for death, seconds in recoveries(known)
            if seconds is not None and seconds > MOST_RECOVERY_S
        ),
        *(
            Finding("memory", f"{service} used {megabytes:.0f} MB")
            for service, megabytes in peak_memory(known).items()
            if megabytes > MOST_MB
        ),
    ]
