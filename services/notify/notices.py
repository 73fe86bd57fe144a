"""The notices in MongoDB; `inbox` gathers those of one person by case.

A notice document carries its reference, place and deadline, whom it is for, and who acknowledged
it when. It names no party of a case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from shared.staff.access import Action, Staff, may, reach

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from pymongo.asynchronous.database import AsyncDatabase

    from services.notify.domain import Notice
    from shared.engine import Document

__all__ = [
    "NOTICES",
    "REMINDER",
    "acknowledge",
    "deadlines_of",
    "end",
    "is_for",
    "is_urgent",
    "prepare",
    "remind",
    "stored",
]

NOTICES: Final = "notices"
REMINDER: Final = "reminder"
"""The deadline of a notice that nobody has acknowledged."""


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
        "urgent": notice.urgent,
        "ended_at": None,
    }


def is_urgent(document: Mapping[str, Any]) -> bool:
    """Whether only the fact that ends it stops the notice, and that has not come yet."""
    return bool(document.get("urgent")) and document.get("ended_at") is None


def end(document: Document, now: datetime) -> Document:
    """Return an urgent notice, stopped by the fact that ends it; the first one counts."""
    return document if document.get("ended_at") else {**document, "ended_at": now}


def deadlines_of(document: Document | None) -> Mapping[str, datetime]:
    """Return when it is recalled: not after an acknowledgement or its end, and not twice."""
    if document is None or document["acknowledged"] or document.get("reminded_at"):
        return {}
    if document.get("ended_at"):
        return {}
    at = document.get("remind_at")
    return {} if at is None else {REMINDER: at}


def remind(document: Document, now: datetime) -> Document:
    """Return the notice, marked as recalled."""
    return {**document, "reminded_at": now}


def acknowledge(document: Document, staff_id: str, now: datetime) -> Document:
    """Return the notice with the person's acknowledgement; the first one is kept.

    An urgent notice is not stopped by that, and stays as it is.
    """
    if is_urgent(document) or any(mark["by"] == staff_id for mark in document["acknowledged"]):
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
