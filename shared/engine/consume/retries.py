"""Why a worker waits and tries again by itself, and for how long."""

from random import uniform
from typing import Final

__all__ = ["Retries"]

_PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


class Retries:
    """The failed tries of one worker since its last success."""

    def __init__(self) -> None:
        self.waiting: str | None = None
        """Why it waits and tries again; None while there is nothing to do."""
        self.failing: str | None = None
        """Why its last try failed; None after a committed batch."""
        self.is_outage = False
        """Whether a dependency is known to be down, so that waiting is right."""
        self._count = 0

    def failed(self, reason: str, *, is_outage: bool) -> float:
        """Note a failed try. Returns the pause before the next one, in seconds."""
        self.waiting = self.failing = reason
        self.is_outage = is_outage
        pause = _PAUSES[min(self._count, len(_PAUSES) - 1)]
        self._count += 1
        return uniform(pause / 2, pause)  # noqa: S311 - jitter

    def succeeded(self) -> None:
        """Note a committed batch."""
        self._count = 0
        self.waiting = self.failing = None
        self.is_outage = False

    def idle(self) -> None:
        """Note that there is nothing to do, so that nothing fails."""
        self.waiting = None
