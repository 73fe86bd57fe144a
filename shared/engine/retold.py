"""Facts that were told and that the store does not know: it was put back to an earlier state.

Reading again what came since, a handler tells the same facts under the same numbers; each is counted
and not sent a second time. Where it would tell something else under a number that is given out, the
case stands still: a reader would drop the second as a repeat of the first. Once an operator has
looked, the case goes on: what was told before is still not told again, and what is new is told above
all numbers that were given out.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from shared.errors import Rejected

__all__ = ["COLLECTION", "OTHERWISE", "Retold", "digest", "row_id"]

COLLECTION: Final = "told_before"

OTHERWISE: Final = (
    "its store was put back to an earlier state, and this says something else than what was told "
    "under the same number before: see `samraad halts list`"
)


def digest(fact_type: str, value: bytes) -> str:
    """What two facts have in common that say the same."""
    return sha256(fact_type.encode() + b"\0" + value).hexdigest()[:32]


def row_id(source: str, subject: str) -> str:
    """The key under which the lost facts of one subject in one stream are kept."""
    return f"{subject}|{source}"


class _Told(msgspec.Struct, frozen=True):
    last: int
    """The highest number that was given out."""
    facts: Mapping[int, tuple[str, datetime | None]]
    """Per number: its digest, and when it was told, if its envelope says so."""
    accepted: bool
    """Whether an operator lets the case go on above it."""


class Retold:
    """What is known of such facts in one unit of work; nearly always nothing."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}

    def learn(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in what is stored about the unit's subjects."""
        for row in rows:
            facts = {int(number): tuple(fact[:2]) for number, fact in row["facts"].items()}
            self._told[row["_id"]] = _Told(row["last"], facts, row["accepted"])

    def accept(self, subject: str) -> list[str]:
        """Let the subject go on from now on. Returns the keys of what is stored about it."""
        mine = [key for key in self._told if key.startswith(f"{subject}|")]
        for key in mine:
            self._told[key] = msgspec.structs.replace(self._told[key], accepted=True)
        return mine

    def number(
        self, source: str, subject: str, counted: int, fact_type: str, value: bytes
    ) -> tuple[int, bool]:
        """The number of the next fact, and whether the very same was told under it before.

        Raises:
            Rejected: something else was, and no operator has let the case go on.

        """
        told = self._told.get(row_id(source, subject)) if self._told else None
        if told is None or counted >= told.last:
            return counted + 1, False
        said = digest(fact_type, value)
        if not told.accepted:
            if told.facts.get(counted + 1, ("",))[0] != said:
                raise Rejected(OTHERWISE)
            return counted + 1, True
        again = [at for at, (known, _) in told.facts.items() if at > counted and known == said]
        return (min(again), True) if again else (told.last + 1, False)

    def clock(self, subject: str, sequences: Mapping[str, int]) -> datetime | None:
        """When the subject's next fact was told the first time: the time to decide by again."""
        if not self._told:
            return None
        times = [
            at
            for key, told in self._told.items()
            if key.startswith(f"{subject}|")
            for number, (_, at) in told.facts.items()
            if at is not None and number > sequences.get(key.partition("|")[2], 0)
        ]
        return min(times, default=None)
