"""One person's inbox: their notices, gathered by case, the most urgent case first.

A line is a case or report with all notices about it that are for this person. It stands in the
section of the most urgent of them, once. The database gathers and sorts; a page of it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from services.notify.notices import NOTICES, is_for
from shared.contracts.references import typed_part
from shared.staff.access import Action, Staff, may, reach
from shared.web.clock import SOON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pymongo.asynchronous.database import AsyncDatabase

    from services.notify.rules import WorkArea
    from shared.engine import Document

__all__ = ["PAGE", "Counts", "Found", "Inbox", "Line", "Section"]

PAGE: Final = 100
"""How many lines a list shows before it asks to show more."""
_NEWEST: Final = 10
"""How many of the newest are shown beside a list that does not show them all."""
_OF_ONE: Final = 10
"""How many notices of one case are shown."""


class Section(IntEnum):
    """The parts of the inbox, in their order."""

    DANGER = 0
    """Only the fact that ends it stops it."""
    URGENT = 1
    """Overdue, due soon, or recalled and left by all."""
    OPEN = 2
    DONE = 3
    """All that there is about the case is acknowledged by this person, or ended."""


@dataclass(frozen=True, slots=True)
class Line:
    """A case or report, with its notices: what is open first, then the newest."""

    subject: str
    section: Section
    notices: tuple[Document, ...]
    total: int
    """How many notices there are; the oldest may not be shown."""
    due_at: datetime | None
    """The nearest deadline of what is open; of all, where nothing is."""

    @property
    def first(self) -> Document:
        """The notice that the line says."""
        return self.notices[0]


@dataclass(frozen=True, slots=True)
class Found:
    """A part of a list, and the length of the list."""

    lines: Sequence[Line]
    total: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many cases there are in each section."""

    of: Mapping[Section, int]

    @property
    def danger(self) -> int:
        """Cases of danger."""
        return self.of.get(Section.DANGER, 0)

    @property
    def urgent(self) -> int:
        """Cases of danger, and urgent ones."""
        return self.danger + self.of.get(Section.URGENT, 0)

    @property
    def unread(self) -> int:
        """Cases with a notice that this person has not acknowledged."""
        return self.urgent + self.of.get(Section.OPEN, 0)


class Inbox:
    """One person's notices: those for the roles and places they hold."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], staff: Staff) -> None:
        self._notices = database[NOTICES]
        self._staff = staff
        self._mine: dict[str, Any] = {
            "role": {"$in": list(staff.roles) if may(staff, Action.READ_INBOX) else []},
            "place": {"$in": sorted(reach(staff.places))},
        }

    def narrow(self, area: WorkArea | None, reference: str) -> None:
        """Keep to notices of one area, or to references that contain what was typed."""
        if area is not None:
            self._mine["desk"] = area.value
        if reference.strip():
            part = typed_part(reference)
            self._mine["reference"] = {"$regex": "-?".join(part)} if part else None

    async def counts(self, now: datetime) -> Counts:
        """How many cases each section has."""
        group: list[Document] = [{"$group": {"_id": "$section", "n": {"$sum": 1}}}]
        rows = await self._run([*self._gathered(now, with_notices=False), *group])
        return Counts({Section(row["_id"]): row["n"] for row in rows})

    async def lines(self, now: datetime, *sections: Section, page: int = 1) -> list[Line]:
        """A page of these sections; the nearest deadline first, then the newest without one."""
        steps: list[Document] = [
            {"$match": {"section": {"$in": list(sections)}}},
            {"$sort": {"section": 1, "has_due": -1, "due_at": 1, "latest": -1, "_id": 1}},
            {"$skip": (page - 1) * PAGE},
            {"$limit": PAGE},
        ]
        return [_line(row) for row in await self._run([*self._gathered(now), *steps])]

    async def newest(self, now: datetime, *, apart_from: Sequence[Line]) -> list[Line]:
        """The cases with the most recent open notices, apart from those already shown."""
        steps: list[Document] = [
            {
                "$match": {
                    "section": {"$ne": Section.DONE.value},
                    "_id": {"$nin": [line.subject for line in apart_from]},
                }
            },
            {"$sort": {"latest": -1, "_id": 1}},
            {"$limit": _NEWEST},
        ]
        return [_line(row) for row in await self._run([*self._gathered(now), *steps])]

    async def find(self, notice_ids: Sequence[str]) -> list[Document]:
        """Return these notices, as far as they are for this person."""
        found = await self._notices.find({"_id": {"$in": list(notice_ids)}}).to_list()
        return [one for one in found if is_for(one, self._staff)]

    async def _run(self, steps: list[Document]) -> list[Document]:
        return await (await self._notices.aggregate(steps)).to_list()

    def _gathered(self, now: datetime, *, with_notices: bool = True) -> list[Document]:
        """Group this person's notices by case, each with its section."""
        is_done = {"$in": [self._staff.id, "$acknowledged.by"]}
        is_danger = {"$and": [{"$ifNull": ["$urgent", False]}, {"$not": ["$ended_at"]}]}
        is_left = {"$and": [{"$ifNull": ["$reminded_at", False]}, {"$eq": ["$acknowledged", []]}]}
        is_ended = {"$toBool": {"$ifNull": ["$ended_at", False]}}
        is_open = {"$or": ["$is_danger", {"$not": [{"$or": [is_done, "$is_ended"]}]}]}
        is_soon = {"$and": ["$due_at", {"$lte": ["$due_at", now + SOON]}]}
        is_urgent = {"$and": ["$is_open", {"$or": [is_soon, is_left]}]}
        first = {
            "is_danger": -1,
            "is_open": -1,
            "is_ended": 1,
            "has_due": -1,
            "due_at": 1,
            "created_at": -1,
            "_id": 1,
        }
        section = {
            "$switch": {
                "branches": [
                    {"case": "$danger", "then": Section.DANGER.value},
                    {"case": "$urgent", "then": Section.URGENT.value},
                    {"case": "$open", "then": Section.OPEN.value},
                ],
                "default": Section.DONE.value,
            }
        }
        has_due = {"$gt": ["$due_at", None]}
        notices = {"notices": {"$push": "$$ROOT"}} if with_notices else {}
        shown = {"notices": {"$slice": ["$notices", _OF_ONE]}} if with_notices else {}
        return [
            {"$match": self._mine},
            {"$set": {"is_danger": is_danger, "is_ended": is_ended, "has_due": has_due}},
            {"$set": {"is_open": is_open}},
            {"$set": {"is_urgent": is_urgent}},
            *([{"$sort": first}] if with_notices else []),
            {
                "$group": {
                    "_id": "$subject",
                    "danger": {"$max": "$is_danger"},
                    "urgent": {"$max": "$is_urgent"},
                    "open": {"$max": "$is_open"},
                    "due_open": {"$min": {"$cond": ["$is_open", "$due_at", None]}},
                    "due_any": {"$min": {"$cond": ["$is_ended", None, "$due_at"]}},
                    "latest": {"$max": "$created_at"},
                    "total": {"$sum": 1},
                    **notices,
                }
            },
            {
                "$set": {
                    "section": section,
                    "due_at": {"$cond": ["$open", "$due_open", "$due_any"]},
                    **shown,
                }
            },
            {"$set": {"has_due": has_due}},
        ]


def _line(row: Document) -> Line:
    return Line(
        subject=row["_id"],
        section=Section(row["section"]),
        notices=tuple(row["notices"]),
        total=row["total"],
        due_at=row["due_at"],
    )
