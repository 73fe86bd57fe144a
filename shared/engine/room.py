"""What stands still, for people: parked cases and unreadable records, redriven or discarded.

Redrive and discard go through the same door as the lane: from the mark on, in order of sequence,
under the version guard. A discard moves the mark past the event and then drains what waited.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import structlog
from bson import Timestamp
from bson.errors import BSONError
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from shared.engine.door import Door
from shared.engine.facts import Facts, read_arrival
from shared.engine.store import Store
from shared.engine.unit import Document, Unit, row_record
from shared.errors import Rejected, ServiceError

__all__ = ["Room"]

_LISTED = 1_000
_SWEPT = 50

log = structlog.get_logger()


class Room:
    """The parked events of one service."""

    def __init__(self, store: Store, facts: Facts | None, doors: Mapping[str, Door[Any]]) -> None:
        self.store = store
        self.facts = facts
        self._doors = doors
        """Doors for records that belong to no case, by the beginning of the topic's name."""
        self._swept = ""
        """The last case that the sweeper looked at."""

    async def ensure_indexes(self) -> None:
        """Make the indexes that order and sweeping rest on."""
        await self.store.db.parked.create_index([("case_id", 1), ("source", 1), ("sequence", 1)])
        await self.store.db.parked.create_index("state")
        await self.store.db.outbox.create_index("at")
        await self.store.db[self.store.cases].create_index(
            "protocol.waiting", partialFilterExpression={"protocol.waiting": True}
        )

    async def rows(self) -> list[Document]:
        """What stands still, oldest first, without its content."""
        hidden = {"value": 0, "key": 0, "headers": 0, "messages": 0}
        return await self.store.db.parked.find({}, hidden).sort("at", 1).limit(_LISTED).to_list()

    async def row(self, row_id: str) -> Document | None:
        """One row, with its headers' names and its size; the content stays hidden."""
        row = await self.store.db.parked.find_one({"_id": row_id})
        if row is None:
            return None
        row["headers"] = {name: len(value or b"") for name, value in row.get("headers", [])}
        row["bytes"] = len(row.pop("value", None) or b"")
        row.pop("key", None)
        row.pop("messages", None)
        return row

    async def count(self) -> int:
        """How many events or records a person must look at."""
        return await self.store.db.parked.count_documents({"state": {"$ne": "waiting"}})

    async def redrive(self, row_id: str) -> tuple[int, int]:
        """Try a parked event again, with what waits behind it. Returns (done, left).

        Raises:
            Rejected: there is no such row, or it cannot be redriven.

        """
        row = await self.store.db.parked.find_one({"_id": row_id})
        if row is None:
            raise Rejected("there is no such parked event")
        if "case_id" in row:
            return await self.redrive_case(row["case_id"])
        if "messages" in row:
            return await self._requeue(row)
        return await self._redrive_record(row)

    async def redrive_case(self, case_id: str) -> tuple[int, int]:
        """Lift a case's parking and apply what its room holds, in order. Returns (done, left)."""
        assert self.facts is not None  # noqa: S101 - only facts have cases
        facts = self.facts

        async def step(session: AsyncClientSession) -> tuple[int, int]:
            unit, before = await self._open_case(case_id, session)
            if not unit.held(self.store.cases, case_id).version:
                raise Rejected("there is no such case")
            facts.drain(case_id, unit)
            left = len(unit.room.get(case_id, {}))
            self._log(unit, "redrive", case_id, None)
            await self.store.write(unit, session)
            return before - left, left

        outcome = await self.store.persist(step)
        self.store.committed.set()
        return outcome

    async def discard(self, row_id: str, reason: str) -> None:
        """Give a parked event up, for a reason that is kept.

        Raises:
            Rejected: there is no such row, it only waits for another, or the reason is missing.

        """
        if not reason.strip():
            raise Rejected("a discard needs a reason")

        async def step(session: AsyncClientSession) -> None:
            row = await self.store.db.parked.find_one({"_id": row_id}, session=session)
            if row is None:
                raise Rejected("there is no such parked event")
            if row["state"] == "waiting":
                raise Rejected("it waits for an event before it: discard or redrive that one")
            if "case_id" not in row:
                unit = self.store.unit()
                unit.freed.add(row_id)
            else:
                unit = await self._without(row, session)
            self._log(unit, "discard", row_id, reason)
            await self.store.write(unit, session)

        await self.store.persist(step)
        self.store.committed.set()

    async def accept_gap(self, case_id: str, reason: str) -> tuple[int, int]:
        """Go on without the facts that a case still waits for: they are gone. (done, left).

        Raises:
            Rejected: the case waits for nothing, stands parked, or the reason is missing.

        """
        if not reason.strip():
            raise Rejected("to go on without an event needs a reason")

        async def step(session: AsyncClientSession) -> tuple[int, int]:
            unit, before = await self._open_case(case_id, session, lift=False)
            room = unit.room.get(case_id, {})
            protocol = unit.held(self.store.cases, case_id).protocol
            if protocol.parked or not room:
                raise Rejected("the case waits for no event that is missing")
            first = min(room.values(), key=lambda row: (row["source"], row["sequence"]))
            moved = protocol.marked(first["source"], first["sequence"] - 1)
            unit.touch(self.store.cases, case_id, moved)
            assert self.facts is not None  # noqa: S101 - only facts have cases
            self.facts.drain(case_id, unit)
            left = len(unit.room.get(case_id, {}))
            self._log(unit, "accept_gap", case_id, reason)
            await self.store.write(unit, session)
            return before - left, left

        outcome = await self.store.persist(step)
        self.store.committed.set()
        return outcome

    async def note(self, action: str, what: str, reason: str) -> None:
        """Log an operator's act that changes no case."""

        async def step(session: AsyncClientSession) -> None:
            unit = self.store.unit()
            self._log(unit, action, what, reason)
            await self.store.write(unit, session)

        await self.store.persist(step)

    async def sweep(self) -> int:
        """Go on with drains that stopped for size. Returns how many events were applied.

        It looks at some of the waiting cases, the next time at the next ones: those that really
        wait for an event, and those that cannot go on, hold up no other.
        """
        if self.facts is None:
            return 0
        found = await self._waiting_after(self._swept)
        self._swept = found[-1]["_id"] if len(found) == _SWEPT else ""
        applied = 0
        for case_id in await self._due(found):
            try:
                applied += await self._resume(case_id)
            except (ServiceError, PyMongoError, BSONError, OverflowError) as error:
                log.warning("sweep_waits", case_id=case_id, error=type(error).__name__)
        return applied

    async def _waiting_after(self, case_id: str) -> list[Document]:
        waiting = {"protocol.waiting": True, "protocol.parked": None, "_id": {"$gt": case_id}}
        cases = self.store.db[self.store.cases].find(waiting, {"protocol.marks": 1})
        return await cases.sort("_id", 1).limit(_SWEPT).to_list()

    async def _due(self, cases: list[Document]) -> list[str]:
        """Cases whose room holds, of any source, the event after the mark."""
        marks = {case["_id"]: case["protocol"]["marks"] for case in cases}
        first = {
            "_id": {"case_id": "$case_id", "source": "$source"},
            "sequence": {"$min": "$sequence"},
        }
        rows = await self.store.db.parked.aggregate(
            [{"$match": {"case_id": {"$in": list(marks)}}}, {"$group": first}]
        )
        return sorted(
            {
                row["_id"]["case_id"]
                async for row in rows
                if row["sequence"] <= marks[row["_id"]["case_id"]].get(row["_id"]["source"], 0) + 1
            }
        )

    async def _resume(self, case_id: str) -> int:
        """Drain a case that is not parked; nothing is logged, it is the engine's own work."""

        async def step(session: AsyncClientSession) -> int:
            assert self.facts is not None  # noqa: S101 - sweep made sure
            unit, before = await self._open_case(case_id, session, lift=False)
            self.facts.drain(case_id, unit)
            await self.store.write(unit, session)
            return before - len(unit.room.get(case_id, {}))

        applied = await self.store.persist(step)
        self.store.committed.set()
        return applied

    async def _open_case(
        self, case_id: str, session: AsyncClientSession, *, lift: bool = True
    ) -> tuple[Unit, int]:
        unit = self.store.unit()
        await self.store.load(unit, {self.store.cases: [case_id]}, session)
        protocol = unit.held(self.store.cases, case_id).protocol
        parked = None if lift else protocol.parked
        unit.touch(self.store.cases, case_id, replace(protocol, parked=parked, waiting=True))
        rows = await self.store.load_room(unit, [case_id], session)
        assert self.facts is not None  # noqa: S101 - only facts have cases
        for row in rows:
            needs = self.facts.needs(read_arrival(row_record(row)))
            await self.store.load(unit, needs, session)
        return unit, len(rows)

    async def _without(self, row: Document, session: AsyncClientSession) -> Unit:
        unit, _ = await self._open_case(row["case_id"], session)
        held_row = unit.room[row["case_id"]].get(row["_id"], row)
        unit.room[row["case_id"]][row["_id"]] = held_row
        unit.free(held_row)
        protocol = unit.held(self.store.cases, row["case_id"]).protocol
        moved = protocol.marked(row["source"], row["sequence"])
        unit.touch(self.store.cases, row["case_id"], moved)
        assert self.facts is not None  # noqa: S101 - only facts have cases
        self.facts.drain(row["case_id"], unit)
        return unit

    async def _redrive_record(self, row: Document) -> tuple[int, int]:
        door = next((d for start, d in self._doors.items() if row["topic"].startswith(start)), None)
        if door is None or "value" not in row:
            raise Rejected("it cannot be read, so it cannot be taken again: discard it")
        arrivals = await door.prepare([row_record(row)])

        async def step(session: AsyncClientSession) -> bool:
            unit = self.store.unit()
            for arrival in arrivals:
                await self.store.load(unit, door.needs(arrival), session)
                door.take(arrival, unit)
            done = row["_id"] not in unit.kept
            if done:
                unit.freed.add(row["_id"])
            self._log(unit, "redrive", row["_id"], None)
            await self.store.write(unit, session)
            return done

        done = await self.store.persist(step)
        self.store.committed.set()
        return (1, 0) if done else (0, 1)

    async def _requeue(self, row: Document) -> tuple[int, int]:
        async def step(session: AsyncClientSession) -> None:
            queued = {"at": Timestamp(0, 0), "messages": row["messages"]}
            await self.store.db.outbox.insert_one(queued, session=session)
            await self.store.db.parked.delete_one({"_id": row["_id"]}, session=session)

        await self.store.persist(step)
        self.store.committed.set()
        return len(row["messages"]), 0

    def _log(self, unit: Unit, action: str, what: str, reason: str | None) -> None:
        unit.add(
            "audit",
            {
                "_id": str(uuid4()),
                "at": unit.now,
                "who": "operator",
                "action": f"parked_{action}",
                "what": what,
                "why": reason,
            },
        )
