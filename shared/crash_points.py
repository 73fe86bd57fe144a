"""Named points in the code at which fault tests can kill or stop a process.

In production they are off, and `reach` costs one comparison. Only a process with `SAMRAAD_FAULTS=1`
reads `SAMRAAD_CRASH`. It is either `POINT:N` (SIGKILL when the point is reached for the N-th time;
`POINT:N:stop` sends SIGSTOP instead), or a directory where each instance has a file of such lines. The
first line is the next one, and the file may change at any time.
"""

import os
import signal
from pathlib import Path
from typing import Final, Literal, get_args

__all__ = ["POINTS", "Point", "arm", "reach"]

Point = Literal[
    "lane.before_take",
    "lane.after_take",
    "lane.before_seek",
    "lane.between_slices",
    "watermark.between_fence_and_take",
    "slice.prepared",
    "slice.loaded",
    "slice.before_commit",
    "slice.after_commit",
    "relay.after_read",
    "relay.after_send",
    "relay.after_ack",
    "relay.after_delete",
    "relay.before_keeping_rest",
    "action.before_commit",
    "action.after_commit",
    "command.before_commit",
    "command.after_commit",
    "drain.before_commit",
    "drain.after_commit",
    "sweep.between_cases",
    "redrive.before_commit",
    "redrive.after_commit",
    "requeue.before_commit",
    "requeue.after_commit",
    "unreadable.before_commit",
    "unreadable.after_commit",
    "group.assigned",
    "group.revoked",
    "group.before_display",
    "lease.taken",
    "ticker.owned",
    "ticker.loaded",
    "ticker.before_commit",
    "ticker.after_commit",
    "keys.between_two",
    "keys.made",
    "intake.sealed",
    "details.fetched",
    "details.sealed",
]
"""All crash points."""

POINTS: Final[tuple[Point, ...]] = get_args(Point)

_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def reach(point: Point) -> None:
    """Note that the process is at a point. If a test armed it, the process dies or stops here."""
    if _fuse is not None:
        _fuse.reach(point)


def arm(instance: str) -> None:
    """Read the crash points of this instance from the environment, if fault tests are on."""
    global _fuse  # noqa: PLW0603 - one process, one fuse
    plan = os.environ.get("SAMRAAD_CRASH", "")
    if os.environ.get("SAMRAAD_FAULTS") != "1" or not plan:
        return
    _fuse = Fuse(Path(plan) / instance) if os.sep in plan else Fuse(None, plan)


class Fuse:
    """Counts how often its point is reached, and then sends the signal."""

    def __init__(self, plan: Path | None, line: str = "") -> None:
        self._plan = plan
        self._read_at: int | None = None
        self._point, self._left, self._signal = "", 0, signal.SIGKILL
        self._take(line)

    def reach(self, point: Point) -> None:
        """Count. At the last time, remove the line from the plan and send the signal."""
        self._look()
        if point != self._point:
            return
        self._left -= 1
        if self._left > 0:
            return
        number = self._signal
        self._cross_out()
        os.kill(os.getpid(), number)

    def _look(self) -> None:
        """Read the plan again if it was changed."""
        if self._plan is None:
            return
        try:
            changed = self._plan.stat().st_mtime_ns
        except FileNotFoundError:
            self._point, self._read_at = "", None
            return
        if changed != self._read_at:
            self._read_at = changed
            self._take(self._plan.read_text(encoding="utf-8").partition("\n")[0])

    def _take(self, line: str) -> None:
        self._point, self._left, self._signal = "", 0, signal.SIGKILL
        if not line:
            return
        name, _, rest = line.partition(":")
        count, _, how = rest.partition(":")
        if name not in POINTS or not count.isdecimal() or (how or "kill") not in _SIGNALS:
            raise SystemExit(f"SAMRAAD_CRASH: {line!r} is not POINT:N or POINT:N:stop of {POINTS}")
        self._point, self._left = name, int(count)
        self._signal = _SIGNALS[how or "kill"]

    def _cross_out(self) -> None:
        self._point = ""
        if self._plan is None:
            return
        _, _, rest = self._plan.read_text(encoding="utf-8").partition("\n")
        fresh = self._plan.with_name(f"{self._plan.name}.next")
        fresh.write_text(rest, encoding="utf-8")
        fresh.replace(self._plan)


_fuse: Fuse | None = None
