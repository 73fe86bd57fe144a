"""Facts that were told and that the store does not know: it was put back to an earlier state.

Reading again what came since, a handler tells the same facts under the same numbers; each is counted
and not sent a second time. Where it would tell something else under a number that is given out, the
case stands still: a reader would drop the second as a repeat of the first. Once an operator has
looked, the case goes on: what was told before is still not told again, whenever it comes (a deadline
that fired before may fire once more long after), and what is new is told above all numbers that were
given out. Each fact is known again once.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from shared.errors import Rejected

__all__ = ["COLLECTION", "OTHERWISE", "Republished", "digest", "row_id"]

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


class Republished:
    """What is known of such facts in one unit of work; nearly always nothing."""

    __slots__ = ("_accepted", "_known", "_told")

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}
        self._accepted: list[str] = []
        self._known: list[tuple[str, int]] = []

    def learn(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in what is stored about the unit's subjects."""
        for row in rows:
            facts = {int(number): tuple(fact[:2]) for number, fact in row["facts"].items()}
            self._told[row["_id"]] = _Told(row["last"], facts, row["accepted"])

    def accept(self, subject: str, sequences: Mapping[str, int]) -> None:
        """Let the subject go on from now on, above what it has counted until now per stream."""
        for key, told in self._of(subject):
            self._told[key] = msgspec.structs.replace(told, accepted=True)
            self._accepted.append(key)
            counted = sequences.get(_source(key), 0)
            self._known += [(key, number) for number in told.facts if number <= counted]

    def changes(self) -> dict[str, list[int]]:
        """What is to be stored: the keys of what may go on, each with numbers that are known again."""
        changed: dict[str, list[int]] = {key: [] for key in self._accepted}
        for key, number in self._known:
            changed.setdefault(key, []).append(number)
        return changed

    def savepoint(self) -> int:
        """Where it stands now, to come back to."""
        return len(self._known)

    def roll_back(self, to: int) -> None:
        """Forget what was known again since the savepoint."""
        del self._known[to:]

    def number(
        self, source: str, subject: str, counted: int, fact_type: str, value: bytes
    ) -> tuple[int, bool]:
        """The last number that is given out once this is told, and whether it was told before.

        Raises:
            Rejected: something else was told under its number, and no operator has let the case
                go on.

        """
        key = row_id(source, subject)
        told = self._told.get(key) if self._told else None
        if told is None or (counted >= told.last and not told.accepted):
            return counted + 1, False
        said = digest(fact_type, value)
        if not told.accepted:
            if told.facts.get(counted + 1, ("",))[0] != said:
                raise Rejected(OTHERWISE)
            return counted + 1, True
        again = [at for at, (known, _) in self._left(key, told) if known == said]
        if not again:
            return max(counted, told.last) + 1, False
        self._known.append((key, min(again)))
        return max(counted, min(again)), True

    def clock(
        self, subject: str, sequences: Mapping[str, int], appended_ms: float
    ) -> datetime | None:
        """When the subject's next fact was told the first time: the time to decide by again.

        Args:
            subject: the case.
            sequences: what it has counted, per stream.
            appended_ms: when the broker took in what is decided about, in ms since 1970: once the case
                may go on, what came after the fact was told is decided by its own time.

        """
        if not self._told:
            return None
        times = [
            at
            for key, told in self._of(subject)
            for number, (_, at) in self._left(key, told)
            if at is not None
            and number > sequences.get(_source(key), 0)
            and not (told.accepted and appended_ms > at.timestamp() * 1000)
        ]
        return min(times, default=None)

    def _of(self, subject: str) -> list[tuple[str, _Told]]:
        return [each for each in self._told.items() if each[0].startswith(f"{subject}|")]

    def _left(self, key: str, told: _Told) -> list[tuple[int, tuple[str, datetime | None]]]:
        return [each for each in told.facts.items() if (key, each[0]) not in self._known]


def _source(key: str) -> str:
    return key.partition("|")[2]
