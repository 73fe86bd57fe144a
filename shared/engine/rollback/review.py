"""What an operator sees and decides about a store that was restored to an earlier state.

A case whose facts the store does not know waits for a person, if its handlers emit other facts now.
An operator accepts such a case: it continues above all numbers that were given out.
"""

from collections.abc import Sequence
from typing import Any, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from shared.engine.parking.parking_lot import ParkingLot
from shared.engine.rollback import heartbeat, republished
from shared.engine.rollback.topic_scan import TopicScan
from shared.engine.store.document import Document
from shared.engine.store.store import Store
from shared.errors import Rejected
from shared.staff import audit
from shared.staff.audit import Why

__all__ = ["LISTED", "READ_AGAIN", "RollbackReview"]

LISTED: Final = 500
"""Cases that one look shows."""
READ_AGAIN: Final = "read again"
"""The id of the row that holds how far the topics must be read again."""

Place = tuple[str, int]


class RollbackReview:
    """Lists the cases with unknown facts of one service, and accepts them."""

    def __init__(self, store: Store, topic_scan: TopicScan) -> None:
        self.store = store
        self.topic_scan = topic_scan

    async def state(self) -> Document:
        """Return when the store was restored, and the cases that an operator must look at."""
        life = await self.store.db[heartbeat.COLLECTION].find_one({"_id": heartbeat.ROW}) or {}
        found = self.store.db[republished.COLLECTION].find({"accepted": False}).sort("_id", 1)
        rows = await found.limit(LISTED).to_list()
        cases = [
            {
                "case_id": row["subject"],
                "source": row["source"],
                "topic": row["topic"],
                "facts": [
                    {"sequence": number, "at": fact[1], "type": fact[2]} for number, fact in facts
                ],
            }
            for row, facts in await self._unknown(rows)
        ]
        return {"put_back": life.get("put_back"), "cases": cases}

    async def settle(self, parking_lot: ParkingLot, why: Why) -> int:
        """Accept all cases, and close the rollback. Returns how many cases there were.

        Raises:
            Rejected: the events since the backup are not read again yet, or the reason is missing.

        """
        _check_reason(why)
        await self._check_read_again()
        rows = await self.store.db[republished.COLLECTION].find({"accepted": False}).to_list()
        cases = list(dict.fromkeys(row["subject"] for row, _ in await self._unknown(rows)))
        for case_id in cases:
            await self.go_on(case_id, parking_lot, why)
        unit = self.store.unit()
        row = audit.by_operator("parked_go_on", what="the store was put back", why=why)
        unit.add(audit.COLLECTION, row.document())

        async def step(session: AsyncClientSession) -> None:
            await self.store.write(unit, session)
            noted = {"$unset": {"put_back": ""}}
            await self.store.db[heartbeat.COLLECTION].update_one(
                {"_id": heartbeat.ROW}, noted, session=session
            )

        await self.store.persist(step)
        return len(cases)

    async def go_on(self, case_id: str, parking_lot: ParkingLot, why: Why) -> int:
        """Accept a case: it continues above the numbers that were given out.

        The case's parked events are tried again in the same transaction.

        Returns how many facts were unknown.

        Raises:
            Rejected: no fact of that case is unknown, the events since the backup are not read
                again yet, or the reason is missing.

        """
        _check_reason(why)
        await self._check_read_again()
        unaccepted = {"subject": case_id, "accepted": False}
        rows = await self.store.db[republished.COLLECTION].find(unaccepted).to_list()
        unknown = await self._unknown(rows)
        if not unknown:
            raise Rejected("the store knows all facts that were sent about this case")
        numbers = ", ".join(
            f"{row['source']} #{facts[0][0]} to #{facts[-1][0]}" for row, facts in unknown
        )
        await parking_lot.resume_above(case_id, f"{case_id} {numbers}", why)
        return sum(len(facts) for _, facts in unknown)

    async def _unknown(
        self, rows: Sequence[Document]
    ) -> list[tuple[Document, list[tuple[int, list[Any]]]]]:
        """Return the rows with unknown facts, each with these facts in order."""
        left = []
        for row in rows:
            counted = (await self.topic_scan.counts(row["topic"], [row["subject"]])).get(
                row["subject"], 0
            )
            numbered = sorted((int(number), fact) for number, fact in row["facts"].items())
            facts = [(number, fact) for number, fact in numbered if number > counted]
            if facts:
                left.append((row, facts))
        return left

    async def _check_read_again(self) -> None:
        """Raise Rejected until the events are read again that lay in the topics at the rollback.

        Before that, a case may still emit its facts again, under the same numbers.
        """
        again = await self.store.db[heartbeat.COLLECTION].find_one({"_id": READ_AGAIN}) or {}
        marks: dict[Place, int] = {}
        async for row in self.store.db.watermarks.find():
            place = row["topic"], row["partition"]
            marks[place] = max(marks.get(place, 0), row["offset"])
        left = sum(
            max(0, end - marks.get((topic, partition), 0))
            for topic, partition, end in again.get("until", [])
        )
        if left:
            raise Rejected(f"{left} events that came since are not read again yet: wait for them")


def _check_reason(why: Why) -> None:
    if not (why.reason or "").strip():
        raise Rejected("to go on above facts that the store does not know needs a reason")
