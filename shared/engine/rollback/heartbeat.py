"""The guard of a service's store: the heartbeat of its database only rises, unless it was restored.

A decision on a restored database could send facts under numbers that are already given out. So a
decision after a doubt, or for a person, checks the heartbeat in its own transaction.
"""

from collections.abc import Sequence
from typing import Final, cast

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shared.engine.rollback import republished
from shared.engine.rollback.republished import Republished
from shared.engine.store.document import Document
from shared.engine.store.numbering import Numbering
from shared.engine.store.unit_of_work import Unit
from shared.errors import Away

__all__ = ["COLLECTION", "ROW", "HeartbeatGuard"]

COLLECTION: Final = "life"
ROW: Final = "store"

_PUT_BACK: Final = "the store was put back to an earlier state, and is to be compared first"


class HeartbeatGuard:
    """Guards one database (see `shared.engine.store.rollback_guard.RollbackGuard`)."""

    def __init__(self, db: AsyncDatabase[Document]) -> None:
        self._db = db
        self.closed: str | None = None
        self.seen = 0
        self.was_rolled_back = False

    async def check(self, seen: int, session: AsyncClientSession | None = None) -> None:
        """Make sure that the stored heartbeat is at least `seen`.

        Raises:
            Away: it is lower; the store is closed until it has been compared with its topics.
            PyMongoError: the database does not answer.

        """
        row = await self._db[COLLECTION].find_one({"_id": ROW}, {"beat": 1}, session=session)
        if (row or {"beat": 0})["beat"] < seen:
            self.closed = self.closed or _PUT_BACK
            raise Away(_PUT_BACK)

    async def learn(self, unit: Unit, subjects: Sequence[str], session: AsyncClientSession) -> None:
        """Load the unknown facts of these subjects into the unit's numbering."""
        if self.was_rolled_back:
            rows = self._db[republished.COLLECTION].find(
                {"subject": {"$in": subjects}}, session=session
            )
            _numbering_of(unit).learn(await rows.to_list())

    async def write(self, unit: Unit, session: AsyncClientSession) -> None:
        """Store which subjects were accepted, and remove the facts that are known again."""
        for key, known in _numbering_of(unit).changes().items():
            gone = {f"facts.{number}": "" for number in known}
            change = {"$set": {"accepted": True}} | ({"$unset": gone} if gone else {})
            await self._db[republished.COLLECTION].update_one({"_id": key}, change, session=session)

    def numbering(self) -> Numbering:
        """Return the numbering of a new unit of work."""
        return Republished()


def _numbering_of(unit: Unit) -> Republished:
    """Return the unit's numbering, which this guard made."""
    return cast("Republished", unit.numbering)
