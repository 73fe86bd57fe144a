"""The parking lot, for operators: parked cases and unreadable records, redriven or discarded.

Redrive and discard process events as a worker does (see `Resumer`): from the mark on, in order of
sequence, guarded by versions. A discard moves the mark past the event, and applies those that waited.
"""

from collections.abc import Mapping
from typing import Any

from bson import Timestamp
from msgspec.structs import replace
from pymongo.asynchronous.client_session import AsyncClientSession

from shared.crash_points import reach
from shared.engine.consume.inbox import Inbox
from shared.engine.consume.processor import Processor
from shared.engine.parking.queries import ParkingQueries
from shared.engine.parking.resume import Resumer
from shared.engine.records import row_record
from shared.engine.store.document import Document, Protocol
from shared.engine.store.parked_rows import WAITING
from shared.engine.store.store import Store
from shared.engine.store.unit_of_work import Unit
from shared.errors import Rejected
from shared.staff import audit
from shared.staff.audit import Why

__all__ = ["ParkingLot"]

_NOBODY = Why()


class ParkingLot:
    """The parked events of one service."""

    def __init__(
        self, store: Store, inbox: Inbox | None, processors: Mapping[str, Processor[Any]]
    ) -> None:
        self.store = store
        self.inbox = inbox
        self.queries = ParkingQueries(store.db, store.cases)
        self._processors = processors
        """Processors of records that belong to no case, by the prefix of the topic's name."""
        self._made: Resumer | None = None

    async def ensure_indexes(self) -> None:
        """Create the indexes for the order of parked events and for sweeping."""
        await self.store.db.parked.create_index([("case_id", 1), ("source", 1), ("sequence", 1)])
        await self.store.db.parked.create_index("state")
        await self.store.db.outbox.create_index("at")
        await self.store.db[self.store.cases].create_index(
            "protocol.waiting", partialFilterExpression={"protocol.waiting": True}
        )

    async def count(self) -> int:
        """Return how many events or records an operator must look at."""
        return await self.queries.count()

    async def redrive(self, row_id: str, why: Why = _NOBODY) -> tuple[int, int]:
        """Try a parked event again, with those that wait behind it. Returns (done, left).

        Raises:
            Rejected: there is no such row, or it cannot be redriven.

        """
        row = await self.store.db.parked.find_one({"_id": row_id})
        if row is None:
            raise Rejected("there is no such parked event")
        if "case_id" in row:
            return await self.redrive_case(row["case_id"], why)
        if "messages" in row:
            return await self._requeue(row, why)
        return await self._redrive_record(row, why)

    async def redrive_case(self, case_id: str, why: Why = _NOBODY) -> tuple[int, int]:
        """Unpark a case, and apply its parked events in order. Returns (done, left).

        Raises:
            Rejected: there is no such case.

        """

        def begin(unit: Unit) -> None:
            protocol = self._protocol(unit, case_id)
            unit.touch(self.store.cases, case_id, replace(protocol, parked=None))
            self._log(unit, "redrive", case_id, why, case_id)

        return await self._resumer.resume(case_id, begin)

    async def rehearse(self, case_id: str) -> tuple[int, int]:
        """Return what a redrive of the case would do now, as (done, left), and change nothing.

        Raises:
            Rejected: there is no such case.

        """

        def begin(unit: Unit) -> None:
            protocol = self._protocol(unit, case_id)
            unit.touch(self.store.cases, case_id, replace(protocol, parked=None))

        return await self._resumer.rehearse(case_id, begin)

    async def discard(self, row_id: str, reason: str, who: str = audit.OPERATOR) -> None:
        """Give a parked event up, and let its case continue. The reason is logged.

        Raises:
            Rejected: there is no such row, it is not the next event of its case, or the reason is
                missing.

        """
        if not reason.strip():
            raise Rejected("a discard needs a reason")
        row = await self.store.db.parked.find_one({"_id": row_id})
        if row is None:
            raise Rejected("there is no such parked event")
        if row["state"] == WAITING:
            raise Rejected("it waits for an event before it: discard or redrive that one")
        once, why = f"discard|{row_id}|{row['at'].isoformat()}", Why(who, reason)
        if "case_id" not in row:
            await self.store.act(once, {}, lambda unit: self._remove(unit, row_id, why))
            return
        await self._resumer.resume(
            row["case_id"], lambda unit: self._pass_over(unit, row, why), once=once
        )

    async def accept_gap(
        self, case_id: str, *, source: str, mark: int, reason: str, who: str = audit.OPERATOR
    ) -> tuple[int, int]:
        """Let a case continue without the facts that it waits for, because they are lost.

        Args:
            case_id: the case.
            source: the source of the missing facts.
            mark: the sequence number of the last processed one, as the operator saw it.
            reason: why they will never arrive; it is logged.
            who: the operator.

        Returns how many events are done and left.

        Raises:
            Rejected: the case does not wait there any more, it is parked, or the reason is missing.

        """
        if not reason.strip():
            raise Rejected("to go on without an event needs a reason")

        def begin(unit: Unit) -> None:
            protocol = self._protocol(unit, case_id)
            kept = [
                row["sequence"]
                for row in unit.parked.of_case.get(case_id, {}).values()
                if row["source"] == source
            ]
            if protocol.parked or not kept or protocol.marks.get(source, 0) != mark:
                raise Rejected("the case does not wait for that event")
            unit.touch(self.store.cases, case_id, protocol.marked(source, min(kept) - 1))
            passed = f"{case_id} {source} {mark + 1} to {min(kept) - 1}"
            self._log(unit, "accept_gap", passed, Why(who, reason), case_id)

        once = f"accept_gap|{case_id}|{source}|{mark}"
        return await self._resumer.resume(case_id, begin, once=once)

    async def resume_above(self, case_id: str, what: str, why: Why) -> None:
        """Let a case continue above unknown facts that were sent; see `RollbackReview.go_on`."""

        def begin(unit: Unit) -> None:
            protocol = unit.document(self.store.cases, case_id).protocol
            unit.numbering.accept(case_id, protocol.sequences)
            if protocol.parked is not None:
                unit.touch(self.store.cases, case_id, replace(protocol, parked=None))
            self._log(unit, "go_on", what, why, case_id)

        if self.inbox is not None:
            await self._resumer.resume(case_id, begin)
            return

        async def step(session: AsyncClientSession) -> None:
            unit = self.store.unit()
            await self.store.load(unit, {self.store.cases: [case_id]}, session)
            begin(unit)
            await self.store.write(unit, session)

        await self.store.persist(step)

    async def note(self, action: str, what: str, why: Why) -> None:
        """Log an operator's action that changes no case."""

        async def step(session: AsyncClientSession) -> None:
            unit = self.store.unit()
            self._log(unit, action, what, why)
            await self.store.write(unit, session)

        await self.store.persist(step)

    async def sweep(self) -> int:
        """Apply parked events that an earlier transaction left out for its size; see `Resumer.sweep`."""
        return 0 if self.inbox is None else await self._resumer.sweep()

    @property
    def _resumer(self) -> Resumer:
        if self.inbox is None:
            raise Rejected("this service has no cases with parked events")
        if self._made is None:
            self._made = Resumer(self.store, self.inbox)
        return self._made

    def _protocol(self, unit: Unit, case_id: str) -> Protocol:
        loaded = unit.document(self.store.cases, case_id)
        if not loaded.version:
            raise Rejected("there is no such case")
        return loaded.protocol

    def _remove(self, unit: Unit, row_id: str, why: Why) -> None:
        unit.parked.freed.add(row_id)
        self._log(unit, "discard", row_id, why)

    def _pass_over(self, unit: Unit, row: Document, why: Why) -> None:
        protocol = self._protocol(unit, row["case_id"])
        if row["sequence"] != protocol.marks.get(row["source"], 0) + 1:
            raise Rejected("this event is not the next one of its case")
        unit.parked.of_case.setdefault(row["case_id"], {}).setdefault(row["_id"], row)
        unit.parked.free(row)
        moved = replace(protocol.marked(row["source"], row["sequence"]), parked=None)
        unit.touch(self.store.cases, row["case_id"], moved)
        self._log(unit, "discard", row["_id"], why, row["case_id"])

    async def _redrive_record(self, row: Document, why: Why) -> tuple[int, int]:
        processor = self._processor_of(row)
        if processor is None or "value" not in row:
            raise Rejected("it cannot be read, so it cannot be taken again: discard it")
        arrivals = await processor.prepare([row_record(row)])
        committed: list[Unit] = []

        async def step(session: AsyncClientSession) -> bool:
            unit = self.store.unit()
            for arrival in arrivals:
                case_id = processor.case_of(arrival)
                if case_id is not None:
                    await self.store.load(unit, {self.store.cases: [case_id]}, session)
                    await self.store.load_parked(unit, [case_id], session)
                await self.store.load(unit, processor.needs(arrival), session)
                processor.take(arrival, unit)
            done = row["_id"] not in unit.parked.kept
            if done:
                unit.parked.freed.add(row["_id"])
            self._log(unit, "redrive", row["_id"], why)
            await self.store.write(unit, session)
            committed[:] = [unit]
            reach("redrive.before_commit")
            return done

        done = await self.store.persist(step)
        reach("redrive.after_commit")
        for unit in committed:
            self.store.settle(unit)
        return (1, 0) if done else (0, 1)

    def _processor_of(self, row: Document) -> Processor[Any] | None:
        for beginning, processor in self._processors.items():
            if row["topic"].startswith(beginning):
                return processor
        return self.inbox

    async def _requeue(self, row: Document, why: Why) -> tuple[int, int]:
        async def step(session: AsyncClientSession) -> None:
            freed = await self.store.db.parked.delete_one({"_id": row["_id"]}, session=session)
            if not freed.deleted_count:
                return  # another try, or another operator, has queued it
            unit = self.store.unit()
            self._log(unit, "redrive", row["_id"], why)
            await self.store.write(unit, session)
            queued = {"at": Timestamp(0, 0), "messages": row["messages"]}
            await self.store.db.outbox.insert_one(queued, session=session)
            reach("requeue.before_commit")

        await self.store.persist(step)
        reach("requeue.after_commit")
        self.store.committed.set()
        return len(row["messages"]), 0

    def _log(
        self, unit: Unit, action: str, what: str, why: Why, case_id: str | None = None
    ) -> None:
        row = audit.by_operator(f"parked_{action}", what=what, why=why, case_id=case_id)
        unit.add(audit.COLLECTION, row.document())
