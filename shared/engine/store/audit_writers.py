"""Gives each audit row its writer, its number there, and the database's time, in its transaction.

A writer is one of a few slots of a process. It belongs to one transaction at a time, so two
transactions seldom meet at its number; where they do, one of them is repeated. A transaction that
does not commit uses no number: the rows of a writer have no gaps.
"""

from collections.abc import Sequence
from typing import Final
from uuid import uuid4

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shared.engine.store.document import Document

__all__ = ["COLLECTION", "AuditWriters"]

COLLECTION: Final = "audit_writers"
SLOTS: Final = 8


class AuditWriters:
    """The slots of one process."""

    def __init__(self, db: AsyncDatabase[Document]) -> None:
        self._db = db
        self._process = uuid4().hex
        self._free = list(range(SLOTS))
        self._taken: dict[int, int] = {}

    async def stamp(self, rows: Sequence[Document], session: AsyncClientSession) -> None:
        """Give rows their writer, counter and time, within the session's transaction."""
        writer = f"{self._process}/{self._slot_of(session)}"
        counter = {"$add": [{"$ifNull": ["$counter", 0]}, len(rows)]}
        given = await self._db[COLLECTION].find_one_and_update(
            {"_id": writer},
            [{"$set": {"counter": counter, "at": "$$NOW"}}],
            upsert=True,
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        assert given is not None  # noqa: S101  # it was upserted
        first = given["counter"] - len(rows) + 1
        for number, row in enumerate(rows, start=first):
            row |= {"at": given["at"], "writer": writer, "counter": number}

    def release(self, session: AsyncClientSession) -> None:
        """Let the slot of a transaction go, however that ended."""
        slot = self._taken.pop(id(session), None)
        if slot is not None and slot not in self._taken.values():
            self._free.append(slot)

    def _slot_of(self, session: AsyncClientSession) -> int:
        if id(session) not in self._taken:
            shared = len(self._taken) % SLOTS
            self._taken[id(session)] = self._free.pop() if self._free else shared
        return self._taken[id(session)]
