"""Numbering on a restored store: facts that were sent before, and that the store does not know.

The service reads the events since the backup again, and its handlers emit the same facts under the
same numbers. Each is counted and not sent a second time. If a handler emits another fact under a
number that is given out, its case is parked: readers would drop the second fact as a repeat of the
first. Once an operator accepts the case, it continues. A fact that was sent before is still not sent
again, however late it is emitted (a deadline may fire again long after), and a new fact gets a number
above all that were given out. Each unknown fact becomes known once.
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
    "its store was put back to an earlier state, and another fact was sent under the same "
    "number before: see `samraad halts list`"
)


def digest(fact_type: str, value: bytes) -> str:
    """Return a digest that is equal for facts of equal type and content."""
    return sha256(fact_type.encode() + b"\0" + value).hexdigest()[:32]


def row_id(source: str, subject: str) -> str:
    """Return the key under which the unknown facts of a subject in a stream are stored."""
    return f"{subject}|{source}"


class _Unknown(msgspec.Struct, frozen=True):
    """Facts of one subject in one stream that the store does not know."""

    last: int
    """The highest number that was given out."""
    facts: Mapping[int, tuple[str, datetime | None]]
    """Per number: the digest, and the time of the envelope, if it has one."""
    accepted: bool
    """Whether an operator has accepted the case."""


class Republished:
    """The numbering of one unit of work (see `shared.engine.store.numbering`); nearly always empty."""

    __slots__ = ("_accepted", "_known", "_unknown")

    def __init__(self) -> None:
        self._unknown: dict[str, _Unknown] = {}
        self._accepted: list[str] = []
        self._known: list[tuple[str, int]] = []

    def learn(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add the stored rows of the unit's subjects."""
        for row in rows:
            facts = {int(number): tuple(fact[:2]) for number, fact in row["facts"].items()}
            self._unknown[row["_id"]] = _Unknown(row["last"], facts, row["accepted"])

    def accept(self, subject: str, sequences: Mapping[str, int]) -> None:
        """Let the subject continue above `sequences`, the last number that it has counted per stream."""
        for key, unknown in self._of(subject):
            self._unknown[key] = msgspec.structs.replace(unknown, accepted=True)
            self._accepted.append(key)
            counted = sequences.get(_source(key), 0)
            self._known += [(key, number) for number in unknown.facts if number <= counted]

    def changes(self) -> dict[str, list[int]]:
        """Return the changed rows: their keys, each with the numbers that are known again."""
        changed: dict[str, list[int]] = {key: [] for key in self._accepted}
        for key, number in self._known:
            changed.setdefault(key, []).append(number)
        return changed

    def savepoint(self) -> int:
        """Return how many facts are known again."""
        return len(self._known)

    def roll_back(self, to: int) -> None:
        """Forget what became known again since the savepoint."""
        del self._known[to:]

    def number(
        self, source: str, subject: str, counted: int, fact_type: str, value: bytes
    ) -> tuple[int, bool]:
        """Return the number that is counted with this fact, and whether the fact was sent before.

        Raises:
            Rejected: another fact was sent under its number, and no operator has accepted the case.

        """
        key = row_id(source, subject)
        unknown = self._unknown.get(key) if self._unknown else None
        if unknown is None or (counted >= unknown.last and not unknown.accepted):
            return counted + 1, False
        content = digest(fact_type, value)
        if not unknown.accepted:
            if unknown.facts.get(counted + 1, ("",))[0] != content:
                raise Rejected(OTHERWISE)
            return counted + 1, True
        again = [at for at, (known, _) in self._left(key, unknown) if known == content]
        if not again:
            return max(counted, unknown.last) + 1, False
        self._known.append((key, min(again)))
        return max(counted, min(again)), True

    def clock(
        self, subject: str, sequences: Mapping[str, int], appended_ms: float
    ) -> datetime | None:
        """Return when the subject's next fact was sent first: the handler decides at that time again.

        Args:
            subject: the case.
            sequences: the last number that the case has counted per stream.
            appended_ms: when the broker appended the event, in ms since 1970. Of an accepted case,
                events that came after the fact was sent are decided at their own time.

        """
        if not self._unknown:
            return None
        times = [
            at
            for key, unknown in self._of(subject)
            for number, (_, at) in self._left(key, unknown)
            if at is not None
            and number > sequences.get(_source(key), 0)
            and not (unknown.accepted and appended_ms > at.timestamp() * 1000)
        ]
        return min(times, default=None)

    def _of(self, subject: str) -> list[tuple[str, _Unknown]]:
        return [each for each in self._unknown.items() if each[0].startswith(f"{subject}|")]

    def _left(self, key: str, unknown: _Unknown) -> list[tuple[int, tuple[str, datetime | None]]]:
        return [each for each in unknown.facts.items() if (key, each[0]) not in self._known]


def _source(key: str) -> str:
    return key.partition("|")[2]
