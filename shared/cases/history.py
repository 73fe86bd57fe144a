"""What people did in a case, as its state keeps it, and the revision that a page shows. Pure.

The revision is the domain's own number. It rises with each act, and with each fact that changes what
people see; background work does not move it. An act names the revision that its person saw.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from shared.cases.next_step import AwaitsStep

__all__ = ["ActedOn", "Actor", "HistoryLine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One act of a person, or one fact that changed what people see: who, when, what, in codes."""

    revision: int
    """The revision of the case after it."""
    at: datetime
    by: str
    """The id of the member of staff; empty for a fact of another service."""
    name: str
    """The name of the member of staff at that time; empty as above."""
    act: str
    """The name of the act, as its command declares it, or the type of the fact."""
    content: Mapping[str, str]
    """The values of its fields, by name, in the order of the form; fields left empty are not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and when: what a rule may ask about it."""

    id: str
    """The id of the member of staff."""
    roles: tuple[str, ...]
    at: datetime


class ActedOn(AwaitsStep):
    """What the state of a case must have, beside its next step, so that people may act on it.

    A case from before has neither field stored: both need defaults, 0 and ().
    """

    __slots__ = ()

    revision: int
    history: tuple[HistoryLine, ...]

    def with_line(self, line: HistoryLine) -> Self:
        """The case after an act, with its revision and its line in the history."""
        return replace(self, revision=line.revision, history=(*self.history, line))
