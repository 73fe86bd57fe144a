"""Mass parking: when many cases fail of one cause at once, it is us, not them.

A bad deployment would park every case that it meets. Past the limit the worker halts instead, before
the batch is committed, so that a roll-back needs no redrive.
"""

from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final

from shared.errors import Halted

__all__ = ["CASES", "WITHIN_S", "CircuitBreaker"]

CASES: Final = 20
WITHIN_S: Final = 60.0


class CircuitBreaker:
    """Remembers what was parked lately, by cause."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._recent: deque[tuple[float, str, str]] = deque()

    def check(self, failures: Iterable[tuple[str, str]]) -> None:
        """Look at what a batch is about to park.

        Raises:
            Halted: with it, `CASES` different cases would have parked of one cause in `WITHIN_S`.

        """
        since = self._clock() - WITHIN_S
        while self._recent and self._recent[0][0] < since:
            self._recent.popleft()
        cases: dict[str, set[str]] = {}
        for cause, case in (*((cause, case) for _, cause, case in self._recent), *failures):
            cases.setdefault(cause, set()).add(case)
        for cause, hit in cases.items():
            if len(hit) >= CASES:
                raise Halted(
                    f"{len(hit)} cases failed of one cause within {WITHIN_S:.0f} s, so none more "
                    f"is parked: {cause}",
                    "roll the last change back, or mend it, and start the service again; if these "
                    "cases are to park, resume",
                )

    def note(self, failures: Iterable[tuple[str, str]]) -> None:
        """Remember what was parked and committed."""
        now = self._clock()
        self._recent.extend((now, cause, case) for cause, case in failures)
