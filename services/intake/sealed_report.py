"""A report as it may be stored: each person sealed under a key of their own, the rest together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from bson.binary import Binary

__all__ = ["SealedPerson", "SealedReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPerson:
    """One person of a report as it may be stored."""

    person_id: UUID
    cpr_mark: str | None
    marks: tuple[str, ...]
    sealed: Binary


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedReport:
    """A report as it may be stored; `people` are in the report's order."""

    people: tuple[SealedPerson, ...]
    rest: Binary

    @property
    def person_ids(self) -> tuple[UUID, ...]:
        """The ids of its people, in the report's order."""
        return tuple(person.person_id for person in self.people)
