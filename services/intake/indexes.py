"""The indexes of intake's collections. They are made at every start; repeating that is harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.intake import persons, reports

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

__all__ = ["make_indexes"]


async def make_indexes(db: AsyncDatabase[dict[str, Any]]) -> None:
    """Make the indexes that are missing."""
    await db[persons.COLLECTION].create_index("cpr_index", unique=True, sparse=True)
    await db[persons.COLLECTION].create_index({"party_ids.$**": 1})
    await db[persons.STATEMENTS].create_index([("person_id", 1), ("at", 1)])
    await db[persons.STATEMENTS].create_index([("report_id", 1), ("place", 1)])
    await db[reports.COLLECTION].create_index([("partner", 1), ("reference", 1)], unique=True)
    await db[reports.COLLECTION].create_index([("status", 1), ("received_at", 1)])
    await db[reports.COLLECTION].create_index([("status", 1), ("due_at", 1)])
    await db[reports.COLLECTION].create_index(
        [("danger_to_life", 1), ("received_at", 1)],
        partialFilterExpression={"danger_to_life": True},
    )
