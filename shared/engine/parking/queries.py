"""Queries of the parking lot: by cause, by case, and the log of what operators did.

They only read, and return no content: a row's value, key and messages stay in the database.
"""

from hashlib import sha256
from typing import Any, Final

from pymongo.asynchronous.database import AsyncDatabase

from shared.engine.store.document import Document
from shared.engine.store.parked_rows import WAITING
from shared.staff import audit

__all__ = ["LATE_S", "LISTED", "ParkingQueries", "cause_id"]

LISTED: Final = 1_000
"""Rows of one page."""
_HIDDEN: Final = {"value": 0, "key": 0, "headers": 0, "messages": 0}
_CAUSE: Final = {"$ifNull": ["$cause", "$reason"]}
_PARKED: Final = {"state": {"$ne": WAITING}}
LATE_S: Final = 60.0
"""Seconds that an event may wait for one before it until an operator should know."""


def cause_id(cause: str | None) -> str:
    """Return a short id for a cause, easy to type."""
    return sha256((cause or "").encode()).hexdigest()[:8]


class ParkingQueries:
    """Reads one service's parked rows and its log."""

    def __init__(self, db: AsyncDatabase[Document], cases: str) -> None:
        self._db = db
        self._cases = cases

    async def causes(self) -> list[Document]:
        """Return the parked events that failed, one entry per cause, oldest first."""
        one_case = {
            "_id": {"cause": _CAUSE, "case": {"$ifNull": ["$case_id", "$_id"]}},
            "why": {"$first": "$reason"},
            "state": {"$first": "$state"},
            "count": {"$sum": 1},
            "oldest": {"$min": "$at"},
            "newest": {"$max": "$at"},
            "of_a_case": {"$max": {"$cond": [{"$gt": ["$case_id", None]}, 1, 0]}},
        }
        one_cause = {
            "_id": "$_id.cause",
            "why": {"$first": "$why"},
            "state": {"$first": "$state"},
            "count": {"$sum": "$count"},
            "cases": {"$sum": "$of_a_case"},
            "oldest": {"$min": "$oldest"},
            "newest": {"$max": "$newest"},
        }
        found = await self._db.parked.aggregate(
            [{"$match": _PARKED}, {"$group": one_case}, {"$group": one_cause}],
            allowDiskUse=True,
        )
        causes = [{"cause": cause_id(each["_id"]), **each} async for each in found]
        for each in causes:
            del each["_id"]
        return sorted(causes, key=lambda each: each["oldest"])

    async def rows(
        self, *, cause: str | None = None, case_id: str | None = None, skip: int = 0
    ) -> list[Document]:
        """Return failed events, oldest first, `LISTED` at a time, with how many wait behind each.

        Args:
            cause: only of this cause, by its short id.
            case_id: only of this case.
            skip: how many to skip.

        """
        wanted: Document = dict(_PARKED)
        if case_id is not None:
            wanted["case_id"] = case_id
        if cause is not None:
            known = await self._db.parked.aggregate(
                [{"$match": _PARKED}, {"$group": {"_id": _CAUSE}}]
            )
            meant = [each["_id"] async for each in known if cause_id(each["_id"]) == cause]
            wanted["$expr"] = {"$in": [_CAUSE, meant]}
        found = self._db.parked.find(wanted, _HIDDEN).sort([("at", 1), ("_id", 1)])
        rows = await found.skip(skip).limit(LISTED).to_list()
        behind = await self._behind({row["case_id"] for row in rows if "case_id" in row})
        for row in rows:
            row["cause"] = cause_id(row.get("cause") or row["reason"])
            row["behind"] = behind.get(row.get("case_id"), 0)
        return rows

    async def row(self, row_id: str) -> Document | None:
        """Return one row with its headers' names and its size, without content; None if there is none."""
        row = await self._db.parked.find_one({"_id": row_id})
        if row is None:
            return None
        row["headers"] = {name: len(value or b"") for name, value in row.get("headers", [])}
        row["bytes"] = len(row.pop("value", None) or b"")
        row["cause"] = cause_id(row.get("cause") or row["reason"])
        row["behind"] = (
            (await self._behind({row["case_id"]})).get(row["case_id"], 0)
            if ("case_id" in row and row["state"] != WAITING)
            else 0
        )
        row.pop("key", None)
        row.pop("messages", None)
        return row

    async def count(self) -> int:
        """Return how many events or records an operator must look at."""
        return await self._db.parked.count_documents(_PARKED)

    async def gaps(self, late_s: float = LATE_S) -> list[Document]:
        """Return the cases that have waited `late_s` seconds for a missing event, oldest first."""
        late = {"$expr": {"$lt": ["$at", {"$subtract": ["$$NOW", int(late_s * 1_000)]}]}}
        first = {
            "_id": {"case_id": "$case_id", "source": "$source"},
            "topic": {"$first": "$topic"},
            "next": {"$min": "$sequence"},
            "waiting": {"$sum": 1},
            "since": {"$min": "$at"},
        }
        found = await self._db.parked.aggregate(
            [
                {"$match": {"state": WAITING, **late}},
                {"$group": first},
                {"$sort": {"since": 1}},
                {"$limit": LISTED},
            ]
        )
        gaps = [{**each.pop("_id"), **each} async for each in found]
        wanted = {"_id": {"$in": list({gap["case_id"] for gap in gaps})}, "protocol.parked": None}
        cases = self._db[self._cases].find(wanted, {"protocol.marks": 1})
        marks = {case["_id"]: case["protocol"]["marks"] async for case in cases}
        late_gaps = []
        for gap in gaps:
            if gap["case_id"] not in marks:
                continue  # the case is parked, and listed there
            mark = marks[gap["case_id"]].get(gap["source"], 0)
            if gap["next"] > mark + 1:
                late_gaps.append({**gap, "mark": mark})
        return late_gaps

    async def log(self, most: int = 100) -> list[dict[str, Any]]:
        """Return what operators did, newest first."""
        acts = {"basis": audit.LegalBasis.OPERATION.value}
        found = self._db[audit.COLLECTION].find(acts).sort([("at", -1), ("_id", -1)])
        rows = await found.limit(most).to_list()
        return [{**row, "_id": str(row["_id"])} for row in rows]

    async def _behind(self, cases: set[str]) -> dict[str | None, int]:
        if not cases:
            return {}
        found = await self._db.parked.aggregate(
            [
                {"$match": {"case_id": {"$in": list(cases)}, "state": WAITING}},
                {"$group": {"_id": "$case_id", "count": {"$sum": 1}}},
            ]
        )
        return {each["_id"]: each["count"] async for each in found}
