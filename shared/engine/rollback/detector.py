"""Whether the store was put back to an earlier state, and what then must not happen.

The store counts its own seconds (a beat), and the broker keeps the last count that was shown to it,
beside the positions of the service's consumer groups. A store that counts less than was shown was
put back: nothing is decided, told or taken until it has been compared with the service's own topics.
Facts there that the store does not know are kept by number (`retold`). Then all goes on: what came
since is read again from the older watermarks, and says the same under the same numbers, or stops.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog
from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError, PyMongoError

from shared.engine.consume.subscription import Subscription
from shared.engine.failures.mongo_errors import translated
from shared.engine.kafka.connection import Connection
from shared.engine.outbox import relay_positions
from shared.engine.parking.parking_lot import ParkingLot
from shared.engine.rollback import republished
from shared.engine.rollback.topic_scan import TopicScan, UnknownFacts
from shared.engine.store import heartbeat
from shared.engine.store.document import Document
from shared.engine.store.store import Store
from shared.engine.timers import timers
from shared.errors import Rejected
from shared.staff import audit
from shared.staff.audit import Why

__all__ = ["LOOKING", "RollbackDetector"]

LOOKING: Final = "it is being looked up whether the store was put back to an earlier state"

_AGAIN: Final = "read again"
_SHOWN: Final = "beat="
_SWEPT: Final = 500

log = structlog.get_logger()

Place = tuple[str, int]


class RollbackDetector:
    """Watches over one service's store."""

    def __init__(
        self,
        store: Store,
        *,
        owned_topics: Mapping[str, str],
        subscriptions: Sequence[Subscription],
    ) -> None:
        self.store = store
        self.topic_scan = TopicScan(store, owned_topics)
        self._subscriptions = subscriptions
        self.forgetting: list[Callable[[], None]] = []
        """How what is remembered of the store is forgotten, before it opens again."""
        self.trouble: str | None = None
        """What a person must look at since the store was put back, in one sentence."""

    @property
    def shown(self) -> str:
        """What is kept at the broker beside a position."""
        return f"{_SHOWN}{self.store.heartbeat}"

    async def count(self) -> bool:
        """Let the store count one on; False if it counts less than it did: it was put back."""
        try:
            row = await self.store.db[heartbeat.COLLECTION].find_one_and_update(
                {"_id": heartbeat.ROW, "beat": {"$gte": self.store.heartbeat}},
                [{"$set": {"beat": {"$add": [{"$ifNull": ["$beat", 0]}, 1]}, "at": "$$NOW"}}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return False  # it is there and counts less; when it counted last stays known
        assert row is not None  # noqa: S101 - an upsert returns what it made
        if row["beat"] <= self.store.heartbeat:
            return False
        self.store.heartbeat = row["beat"]
        self.store.was_rolled_back = bool(
            await self.store.db[republished.COLLECTION].find_one({}, {"_id": 1})
        )
        return True

    async def look(self, connection: Connection) -> None:
        """Compare the store with what the broker has of it; the store is open afterwards.

        Raises:
            Unavailable: the broker or the database does not answer now: look again.

        """
        self.store.closed = LOOKING
        try:
            await self.store.db[republished.COLLECTION].create_index("subject")
            known = await self.store.db[heartbeat.COLLECTION].find_one({"_id": heartbeat.ROW})
            life: Document = known or {"beat": 0, "at": None}
            shown = max(
                self.store.heartbeat,
                await connection.shown([each.group for each in self._subscriptions], _SHOWN),
            )
            lost, ends = await self.topic_scan.compare(connection)
            await self._keep(lost)
            if lost:
                await self._note_ends(connection)
            if shown > life["beat"]:
                await self._say(life, shown, lost)
            await relay_positions.save(self.store, ends)
            for forget in self.forgetting:
                forget()
            self.store.heartbeat = 0
            await self.count()
        except PyMongoError as error:
            raise translated(error) from error
        self.store.closed = None

    async def state(self) -> Document:
        """What people are told: when the store was put back, and which cases a person must look at."""
        life = await self.store.db[heartbeat.COLLECTION].find_one({"_id": heartbeat.ROW}) or {}
        found = self.store.db[republished.COLLECTION].find({"accepted": False}).sort("_id", 1)
        rows = await found.limit(_SWEPT).to_list()
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

    async def sweep(self) -> None:
        """Forget what the store knows again: its cases have counted past it.

        Where an operator let a case go on above, what was told before may come later still: it is
        kept as long as anything of that case waits.
        """
        if not self.store.was_rolled_back:
            self.trouble = None
            return
        rows = await self.store.db[republished.COLLECTION].find().sort("_id", 1).to_list()
        for topic in {row["topic"] for row in rows}:
            mine = {row["subject"]: row for row in rows if row["topic"] == topic}
            counts = await self.topic_scan.counts(topic, mine)
            waiting = await self._waiting([row["subject"] for row in rows if row["accepted"]])
            done = [
                row["_id"]
                for row in mine.values()
                if counts.get(row["subject"], 0) >= row["last"]
                and not (row["accepted"] and row["facts"] and row["subject"] in waiting)
            ]
            await self.store.db[republished.COLLECTION].delete_many({"_id": {"$in": done}})
        left = await self.store.db[republished.COLLECTION].count_documents({"accepted": False})
        life = await self.store.db[heartbeat.COLLECTION].find_one({"_id": heartbeat.ROW}) or {}
        self.trouble = _trouble(left) if left and "put_back" in life else None

    async def _waiting(self, subjects: Sequence[str]) -> set[str]:
        """Those of which a deadline that has passed, or an event that stands still, is left."""
        passed = {"$expr": {"$lte": ["$due_at", "$$NOW"]}, "case_id": {"$in": subjects}}
        due = self.store.db[timers.COLLECTION].find(passed, {"case_id": 1})
        parked = self.store.db.parked.find({"case_id": {"$in": subjects}}, {"case_id": 1})
        return {row["case_id"] for row in [*await due.to_list(), *await parked.to_list()]}

    async def settle(self, parking_lot: ParkingLot, why: Why) -> int:
        """Take note that the store was put back, and let all cases go on. Returns how many.

        Raises:
            Rejected: what came since is not read again yet, or the reason is missing.

        """
        _reasoned(why)
        await self._read_again()
        rows = await self.store.db[republished.COLLECTION].find({"accepted": False}).to_list()
        cases = list(dict.fromkeys(row["subject"] for row, _ in await self._unknown(rows)))
        for case_id in cases:
            await self.go_on(case_id, parking_lot, why)
        unit = self.store.unit()
        entry = audit.entry("parked_go_on", at=unit.now, what="the store was put back", why=why)
        unit.add(audit.COLLECTION, entry)

        async def step(session: AsyncClientSession) -> None:
            await self.store.write(unit, session)
            noted = {"$unset": {"put_back": ""}}
            await self.store.db[heartbeat.COLLECTION].update_one(
                {"_id": heartbeat.ROW}, noted, session=session
            )

        await self.store.persist(step)
        return len(cases)

    async def go_on(self, case_id: str, parking_lot: ParkingLot, why: Why) -> int:
        """Let a case go on above the numbers that were given out. Returns how many facts that are.

        What stood still for it is tried again in the same transaction: nobody comes in between.

        Raises:
            Rejected: nothing is unknown of that case, what came since is not read again yet, or
                the reason is missing.

        """
        _reasoned(why)
        await self._read_again()
        lost = {"subject": case_id, "accepted": False}
        rows = await self.store.db[republished.COLLECTION].find(lost).to_list()
        unknown = await self._unknown(rows)
        if not unknown:
            raise Rejected("the store knows all that was told of this case")
        said = ", ".join(
            f"{row['source']} #{facts[0][0]} to #{facts[-1][0]}" for row, facts in unknown
        )
        await parking_lot.resume_above(case_id, f"{case_id} {said}", why)
        return sum(len(facts) for _, facts in unknown)

    async def _unknown(
        self, rows: Sequence[Document]
    ) -> list[tuple[Document, list[tuple[int, list[Any]]]]]:
        """Of each row the facts that the store has not told again since, in order; if any are left."""
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

    async def _read_again(self) -> None:
        """Make sure that what lay in the topics when the store was found put back was taken since.

        Before that a case cannot be judged, and what it told could be told a second time.
        """
        again = await self.store.db[heartbeat.COLLECTION].find_one({"_id": _AGAIN}) or {}
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

    async def _note_ends(self, connection: Connection) -> None:
        """Remember how far the topics reach that are to be read again."""
        read = {row["topic"] async for row in self.store.db.watermarks.find({}, {"topic": 1})}
        for each in self._subscriptions:
            read |= set(each.topics) | await connection.matching(each.pattern)
        ends = await connection.ends(read)
        until = [[topic, partition, end] for (topic, partition), (_, end) in ends.items() if end]
        await self.store.db[heartbeat.COLLECTION].update_one(
            {"_id": _AGAIN}, {"$set": {"until": until}}, upsert=True
        )

    async def _keep(self, lost: Sequence[UnknownFacts]) -> None:
        if lost:
            await self.store.db[republished.COLLECTION].bulk_write(
                [
                    UpdateOne(
                        {"_id": republished.row_id(one.source, one.subject)},
                        {
                            "$set": {
                                "subject": one.subject,
                                "source": one.source,
                                "topic": one.topic,
                                "last": max(one.facts),
                                "facts": {str(n): list(said) for n, said in one.facts.items()},
                                "accepted": False,
                            }
                        },
                        upsert=True,
                    )
                    for one in lost
                ],
                ordered=False,
            )
            log.error("facts_unknown", cases=len(lost), facts=sum(len(one.facts) for one in lost))

    async def _say(self, life: Document, shown: int, lost: Sequence[UnknownFacts]) -> None:
        """Log that the store was put back, and count on above what was shown."""
        facts = sum(len(one.facts) for one in lost)
        told = {"from": life["at"], "facts": facts, "cases": len(lost)}
        log.error(
            "store_was_put_back", beat=life["beat"], shown=shown, cases=len(lost), facts=facts
        )
        unit = self.store.unit()
        at = life["at"]
        since = "at a time unknown" if at is None else f"at {at:%Y-%m-%d %H:%M:%S} UTC"
        entry = audit.entry(
            "store_put_back",
            at=unit.now,
            what=f"as it was {since}: {facts} facts of {len(lost)} cases unknown",
            why=Why("service", "it counts less than was shown to the broker"),
        )
        unit.add(audit.COLLECTION, entry)
        async with self.store.client.start_session() as session, await session.start_transaction():
            await self.store.write(unit, session)
            await self.store.db[heartbeat.COLLECTION].update_one(
                {"_id": heartbeat.ROW},
                {"$set": {"beat": shown + 1, "put_back": {**told, "found_at": unit.now}}},
                upsert=True,
                session=session,
            )


def _reasoned(why: Why) -> None:
    if not (why.reason or "").strip():
        raise Rejected("to go on above facts that the store does not know needs a reason")


def _trouble(cases: int) -> str:
    return (
        f"the store was put back to an earlier state, and {cases} cases were told of facts that it "
        "does not know: samraad halts list"
    )
