"""The circuit breaker: many cases that fail for one cause at once point to a fault of ours.

A bad deployment would park every case. At the limit the worker halts instead, before the batch is
committed, so that no case must be redriven after a rollback of the deployment.
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
    """Counts the cases that were parked lately, by cause."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._recent: deque[tuple[float, str, str]] = deque()

    def check(self, failures: Iterable[tuple[str, str]]) -> None:
        """Check the failures of a batch before its commit, as pairs of (cause, case).

        Raises:
            Halted: with them, `CASES` different cases failed for one cause within `WITHIN_S`.

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
                    "roll the last change back, or fix it, and start the service again; if these "
                    "cases are to park, resume",
                )

    def note(self, failures: Iterable[tuple[str, str]]) -> None:
        """Count failures that were committed."""
        now = self._clock()
        self._recent.extend((now, cause, case) for cause, case in failures)
