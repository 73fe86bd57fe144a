"""The notices in MongoDB.

A notice document carries its reference, place and deadline, whom it is for, and who acknowledged
it when. It names no party of a case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.staff.access import Action, Staff, may, reach
from shared.web.clock import SOON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pymongo.asynchronous.database import AsyncDatabase

    from services.notify.domain import Notice, WorkArea
    from shared.engine import Document

__all__ = [
    "NOTICES",
    "PAGE",
    "REMINDER",
    "Found",
    "Inbox",
    "acknowledge",
    "deadlines_of",
    "is_for",
    "prepare",
    "remind",
    "stored",
]

NOTICES: Final = "notices"
REMINDER: Final = "reminder"
"""The deadline of a notice that nobody has acknowledged."""
PAGE: Final = 100
"""How many notices a list shows before it asks to show more."""
NEWEST: Final = 10
"""How many of the newest are shown beside a list that does not show them all."""


def stored(notice: Notice, now: datetime, remind_at: datetime) -> Document:
    """Return a notice as its document, to be recalled at that time."""
    return {
        "_id": str(notice.id),
        "desk": notice.area.value,
        "about": notice.about,
        "subject": str(notice.subject),
        "reference": notice.reference,
        "municipality": notice.municipality,
        "role": notice.audience.role.value,
        "place": notice.audience.place,
        "due_at": notice.due_at,
        "step": notice.step,
        "created_at": now,
        "remind_at": remind_at,
        "reminded_at": None,
        "acknowledged": [],
    }


def deadlines_of(document: Document | None) -> Mapping[str, datetime]:
    """Return when it is recalled: not after an acknowledgement, and not twice."""
    if document is None or document["acknowledged"] or document.get("reminded_at"):
        return {}
    at = document.get("remind_at")
    return {} if at is None else {REMINDER: at}


def remind(document: Document, now: datetime) -> Document:
    """Return the notice, marked as recalled."""
    return {**document, "reminded_at": now}


def acknowledge(document: Document, staff_id: str, now: datetime) -> Document:
    """Return the notice with the person's acknowledgement; the first one is kept."""
    if any(mark["by"] == staff_id for mark in document["acknowledged"]):
        return document
    return {
        **document,
        "acknowledged": [*document["acknowledged"], {"by": staff_id, "at": now}],
    }


def is_for(document: Mapping[str, Any], staff: Staff) -> bool:
    """Whether a notice is for this person: one of the roles, in a place it covers."""
    return (
        may(staff, Action.READ_INBOX)
        and document["role"] in staff.roles
        and document["place"] in reach(staff.places)
    )


async def prepare(database: AsyncDatabase[dict[str, Any]]) -> None:
    """Make the indexes that the inbox reads by."""
    await database[NOTICES].create_index([("role", 1), ("place", 1), ("due_at", 1)])
    await database[NOTICES].create_index([("role", 1), ("place", 1), ("created_at", -1)])


@dataclass(frozen=True, slots=True)
class Found:
    """A part of a list, and the length of the list."""

    notices: Sequence[Document]
    total: int


class Inbox:
    """One person's notices: those for the roles and places they hold."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], staff: Staff) -> None:
        self._notices = database[NOTICES]
        self._staff = staff
        self._mine: dict[str, Any] = {
            "role": {"$in": list(staff.roles) if may(staff, Action.READ_INBOX) else []},
            "place": {"$in": sorted(reach(staff.places))},
        }
        self._unread: dict[str, Any] = {"acknowledged.by": {"$ne": staff.id}}

    def narrow(self, area: WorkArea | None, reference: str) -> None:
        """Keep to notices of one area, or to references that contain the text."""
        if area is not None:
            self._mine["desk"] = area.value
        typed = reference.strip().upper()
        if typed:
            self._mine["reference"] = {"$regex": re.escape(typed)}

    async def urgent(self, now: datetime) -> Found:
        """Unread, and overdue, due soon, or recalled and left by all; nearest deadline first."""
        recalled = {"reminded_at": {"$ne": None}, "acknowledged": []}
        urgent = {"due_at": {"$ne": None}, "$or": [{"due_at": {"$lte": now + SOON}}, recalled]}
        return await self._find(self._unread | urgent, self._unread | recalled, 1)

    async def unread(self, now: datetime, page: int = 1) -> Found:
        """Unread, with time left, and not urgent for another reason; nearest deadline first."""
        calm = {"$or": [{"reminded_at": None}, {"acknowledged.0": {"$exists": True}}]}
        rest = self._unread | calm
        return await self._find({**rest, "due_at": {"$gt": now + SOON}}, rest, page)

    async def newest(self, *, apart_from: Sequence[Document]) -> Found:
        """The most recent unread notices apart from those already shown; the newest first."""
        shown = [notice["_id"] for notice in apart_from]
        wanted = {**self._mine, **self._unread, "_id": {"$nin": shown}}
        rows = self._notices.find(wanted).sort([("created_at", -1), ("_id", 1)])
        notices = await rows.limit(NEWEST).to_list()
        return Found(notices, len(notices))

    async def acknowledged(self) -> Found:
        """Acknowledged by this person; the nearest deadline first."""
        mine = {"acknowledged.by": self._staff.id}
        return await self._find({**mine, "due_at": {"$ne": None}}, mine, 1)

    async def count_unread(self) -> int:
        """How many are unread."""
        return await self._notices.count_documents({**self._mine, **self._unread})

    async def find(self, notice_id: str) -> Document | None:
        """Return one notice, if it is for this person."""
        found = await self._notices.find_one({"_id": notice_id})
        return found if found is not None and is_for(found, self._staff) else None

    async def _find(
        self, dated: Mapping[str, Any], dateless: Mapping[str, Any], page: int
    ) -> Found:
        """Those with a deadline, the nearest first; then those without one, the newest first."""
        skip = (page - 1) * PAGE
        first = await self._part({**self._mine, **dated}, [("due_at", 1)], skip, PAGE)
        rest = await self._part(
            {**self._mine, **dateless, "due_at": None},
            [("created_at", -1)],
            max(0, skip - first.total),
            PAGE - len(first.notices),
        )
        return Found([*first.notices, *rest.notices], first.total + rest.total)

    async def _part(
        self, wanted: Mapping[str, Any], order: list[tuple[str, int]], skip: int, most: int
    ) -> Found:
        if not most:
            return Found([], await self._notices.count_documents(wanted))
        rows = self._notices.find(wanted).sort([*order, ("_id", 1)])
        notices = await rows.skip(skip).limit(most).to_list()
        if len(notices) < most and (notices or not skip):
            return Found(notices, skip + len(notices))
        return Found(notices, await self._notices.count_documents(wanted))
