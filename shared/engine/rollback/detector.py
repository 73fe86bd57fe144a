"""Detects that the store was restored to an earlier state, and compares it with its own topics.

The database counts a heartbeat every second. The broker keeps the last heartbeat that this process
has seen, beside the offsets of the service's consumer groups. A database with a lower heartbeat was
restored. Then the store is closed: no transaction begins until it has been compared with the topics
that the service writes. Facts there that the store does not know are stored by number (see
`republished`). Then the store opens again. The service reads the events since the backup again, from
its older watermarks, and emits the same facts under the same numbers, or parks the case.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError, PyMongoError

from shared.engine.consume.subscription import Subscription
from shared.engine.failures.mongo_errors import translated
from shared.engine.kafka.connection import Connection
from shared.engine.outbox import relay_positions
from shared.engine.rollback import heartbeat, republished
from shared.engine.rollback.review import READ_AGAIN, RollbackReview
from shared.engine.rollback.topic_scan import TopicScan, UnknownFacts
from shared.engine.store.document import Document
from shared.engine.store.store import Store
from shared.engine.timers import timers
from shared.staff import audit
from shared.staff.audit import Why

__all__ = ["LOOKING", "RollbackDetector"]

LOOKING: Final = "it is being looked up whether the store was put back to an earlier state"

_SHOWN: Final = "beat="

log = structlog.get_logger()


class RollbackDetector:
    """Watches the heartbeat of one service's store."""

    def __init__(
        self,
        store: Store,
        *,
        owned_topics: Mapping[str, str],
        subscriptions: Sequence[Subscription],
    ) -> None:
        self.store = store
        self.topic_scan = TopicScan(store, owned_topics)
        self.review = RollbackReview(store, self.topic_scan)
        self._guard = store.rollback
        self._subscriptions = subscriptions
        self.forgetting: list[Callable[[], None]] = []
        """Functions that clear caches of the store before it opens again."""
        self.trouble: str | None = None
        """What an operator must look at since a rollback, in one sentence."""

    @property
    def shown(self) -> str:
        """The metadata that the broker keeps beside a committed offset."""
        return f"{_SHOWN}{self._guard.seen}"

    async def count(self) -> bool:
        """Increase the heartbeat by one. Returns False if it is lower than before: a rollback."""
        try:
            row = await self.store.db[heartbeat.COLLECTION].find_one_and_update(
                {"_id": heartbeat.ROW, "beat": {"$gte": self._guard.seen}},
                [{"$set": {"beat": {"$add": [{"$ifNull": ["$beat", 0]}, 1]}, "at": "$$NOW"}}],
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        except DuplicateKeyError:
            return False  # the row is there with a lower heartbeat, and its time stays known
        assert row is not None  # noqa: S101 - an upsert returns what it made
        if row["beat"] <= self._guard.seen:
            return False
        self._guard.seen = row["beat"]
        self._guard.was_rolled_back = bool(
            await self.store.db[republished.COLLECTION].find_one({}, {"_id": 1})
        )
        return True

    async def look(self, connection: Connection) -> None:
        """Compare the store with the broker's data; the store is open afterwards.

        Raises:
            Unavailable: the broker or the database does not answer now. Call it again.

        """
        self._guard.closed = LOOKING
        try:
            await self.store.db[republished.COLLECTION].create_index("subject")
            known = await self.store.db[heartbeat.COLLECTION].find_one({"_id": heartbeat.ROW})
            life: Document = known or {"beat": 0, "at": None}
            shown = max(
                self._guard.seen,
                await connection.shown([each.group for each in self._subscriptions], _SHOWN),
            )
            unknown, ends = await self.topic_scan.compare(connection)
            await self._keep(unknown)
            if unknown:
                await self._note_ends(connection)
            if shown > life["beat"]:
                await self._log_rollback(life, shown, unknown)
            await relay_positions.save(self.store, ends)
            for forget in self.forgetting:
                forget()
            self._guard.seen = 0
            await self.count()
        except PyMongoError as error:
            raise translated(error) from error
        self._guard.closed = None

    async def sweep(self) -> None:
        """Delete the rows of cases that have counted past all their unknown facts.

        An accepted case may emit such a fact later still: its row is kept while events or due
        deadlines of the case wait.
        """
        if not self._guard.was_rolled_back:
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
        """Return the subjects with a due deadline or a parked event."""
        passed = {"$expr": {"$lte": ["$due_at", "$$NOW"]}, "case_id": {"$in": subjects}}
        due = self.store.db[timers.COLLECTION].find(passed, {"case_id": 1})
        parked = self.store.db.parked.find({"case_id": {"$in": subjects}}, {"case_id": 1})
        return {row["case_id"] for row in [*await due.to_list(), *await parked.to_list()]}

    async def _note_ends(self, connection: Connection) -> None:
        """Store the ends of the topics that must be read again."""
        read = {row["topic"] async for row in self.store.db.watermarks.find({}, {"topic": 1})}
        for each in self._subscriptions:  # a topic that says everything again is not waited for
            read |= set(each.topics) - each.heads.keys() | await connection.matching(each.pattern)
        ends = await connection.ends(read)
        until = [[topic, partition, end] for (topic, partition), (_, end) in ends.items() if end]
        await self.store.db[heartbeat.COLLECTION].update_one(
            {"_id": READ_AGAIN}, {"$set": {"until": until}}, upsert=True
        )

    async def _keep(self, unknown: Sequence[UnknownFacts]) -> None:
        if unknown:
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
                                "facts": {str(n): list(fact) for n, fact in one.facts.items()},
                                "accepted": False,
                            }
                        },
                        upsert=True,
                    )
                    for one in unknown
                ],
                ordered=False,
            )
            log.error(
                "facts_unknown", cases=len(unknown), facts=sum(len(one.facts) for one in unknown)
            )

    async def _log_rollback(
        self, life: Document, shown: int, unknown: Sequence[UnknownFacts]
    ) -> None:
        """Log the rollback, and continue the heartbeat above the last one that was shown."""
        facts = sum(len(one.facts) for one in unknown)
        put_back = {"from": life["at"], "facts": facts, "cases": len(unknown)}
        log.error(
            "store_was_put_back", beat=life["beat"], shown=shown, cases=len(unknown), facts=facts
        )
        unit = self.store.unit()
        at = life["at"]
        since = "at a time unknown" if at is None else f"at {at:%Y-%m-%d %H:%M:%S} UTC"
        row = audit.by_operator(
            "store_put_back",
            what=f"as it was {since}: {facts} facts of {len(unknown)} cases unknown",
            why=Why("service", "it counts less than was shown to the broker"),
        )
        unit.add(audit.COLLECTION, row.document())
        async with self.store.client.start_session() as session, await session.start_transaction():
            await self.store.write(unit, session)
            await self.store.db[heartbeat.COLLECTION].update_one(
                {"_id": heartbeat.ROW},
                {"$set": {"beat": shown + 1, "put_back": {**put_back, "found_at": unit.now}}},
                upsert=True,
                session=session,
            )


def _trouble(cases: int) -> str:
    return (
        f"the store was put back to an earlier state, and {cases} cases have facts that it "
        "does not know: samraad halts list"
    )
