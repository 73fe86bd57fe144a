"""Resuming a case: its parked events are applied as a worker does, with the same guards.

A worker leaves parked events for their size, an operator redrives or discards one, or accepts a gap.
Then the others are applied in order of sequence from the mark on. If the database refuses them, they
are tried one by one, so that only the event at fault is parked.
"""

from collections.abc import Callable
from typing import Final

import structlog
from bson.errors import BSONError
from msgspec.structs import replace
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from shared.crash_points import reach
from shared.engine.consume.inbox import Inbox, read_arrival
from shared.engine.failures.failure_reason import TOO_MUCH
from shared.engine.failures.mongo_errors import REFUSED
from shared.engine.records import row_record
from shared.engine.store.document import Document
from shared.engine.store.store import Store
from shared.engine.store.unit_of_work import Unit
from shared.errors import ServiceError

__all__ = ["Begin", "Resumer"]

_ALL: Final = 10_000
_SWEPT: Final = 50
_ROUNDS: Final = 20
"""Transactions for one case with many parked events before the next case has its turn."""

log = structlog.get_logger()

Begin = Callable[[Unit], None]
"""What an operator's action changes in the case before its parked events are applied."""


def _nothing(_unit: Unit) -> None:
    """Change nothing."""


class Resumer:
    """Applies the parked events of one service's cases."""

    def __init__(self, store: Store, inbox: Inbox) -> None:
        self.store = store
        self.inbox = inbox
        self._swept = ""
        """The last case that `sweep` looked at."""

    async def resume(
        self, case_id: str, begin: Begin = _nothing, *, once: str | None = None
    ) -> tuple[int, int]:
        """Apply the due parked events of a case. Returns how many are done and left.

        Args:
            case_id: the case.
            begin: changes the case first, in the same transaction.
            once: a key with which `begin` runs once, however often it is tried.

        Raises:
            Rejected: from `begin`; nothing is written.

        """
        refused = ""
        for most in (_ALL, 1, 0):
            try:
                return await self._resume(case_id, begin, once, most, refused)
            except REFUSED as error:
                refused = type(error).__name__
        raise AssertionError  # pragma: no cover - parking alone writes one small row

    async def rehearse(self, case_id: str, begin: Begin) -> tuple[int, int]:
        """Return what `resume` would do now, in a transaction that is aborted."""
        async with self.store.transaction() as session:
            unit, there = await self._open(case_id, session)
            before = len(unit.parked.of_case[case_id])
            begin(unit)
            unit.parked.may_resume = _ALL
            self.inbox.resume(case_id, unit)
            await session.abort_transaction()
        left = len(unit.parked.of_case[case_id])
        return (before - left, there - before + left) if left else (there, 0)

    async def sweep(self) -> int:
        """Apply due parked events that were left out for their size. Returns how many.

        Each call looks at some of the waiting cases, and the next call at the next ones. So cases
        that wait for a missing event, or fail, do not block the others.
        """
        found = await self._waiting_after(self._swept)
        self._swept = found[-1]["_id"] if len(found) == _SWEPT else ""
        applied = 0
        for case_id in await self._due(found):
            reach("sweep.between_cases")
            try:
                for _ in range(_ROUNDS):
                    done, left = await self.resume(case_id)
                    applied += done
                    if not done or not left:
                        break
            except (ServiceError, PyMongoError, BSONError, OverflowError) as error:
                log.warning("sweep_waits", case_id=case_id, error=type(error).__name__)
        return applied

    async def _resume(
        self, case_id: str, begin: Begin, once: str | None, most: int, refused: str
    ) -> tuple[int, int]:
        committed: list[Unit] = []

        async def step(session: AsyncClientSession) -> tuple[int, int]:
            unit, there = await self._open(case_id, session)
            before = len(unit.parked.of_case[case_id])
            if not await self._is_done(once, session):
                begin(unit)
                if once is not None:
                    unit.add("actions", {"_id": once, "at": unit.now, "outcome": None})
            unit.parked.may_resume = most
            if most:
                self.inbox.resume(case_id, unit)
            else:
                self._park_first(case_id, unit, refused)
            await self.store.write(unit, session)
            if begin is not _nothing:
                await self._wake_deadlines(case_id, session)
            committed[:] = [unit]
            reach("drain.before_commit")
            done = before - len(unit.parked.of_case[case_id])
            return done, there - done

        outcome = await self.store.persist(step)
        reach("drain.after_commit")
        for unit in committed:
            self.store.settle(unit)
        return outcome

    async def _wake_deadlines(self, case_id: str, session: AsyncClientSession) -> None:
        """Let the scheduler fire deadlines at once that waited for the case."""
        waits = {"case_id": case_id, "waits": {"$exists": True}}
        at_once: list[Document] = [{"$set": {"look_at": "$due_at"}}, {"$unset": "waits"}]
        await self.store.db.due.update_many(waits, at_once, session=session)

    async def _is_done(self, once: str | None, session: AsyncClientSession) -> bool:
        if once is None:
            return False
        return await self.store.db.actions.find_one({"_id": once}, session=session) is not None

    async def _open(self, case_id: str, session: AsyncClientSession) -> tuple[Unit, int]:
        """Load a case and its next parked events. Returns also how many there are in total."""
        unit = self.store.unit()
        cases = self.store.cases
        # locked before anything is read: otherwise a worker could win each time for a busy case
        await self.store.db[cases].update_one(
            {"_id": case_id}, {"$inc": {"version": 1}}, session=session
        )
        await self.store.load(unit, {cases: [case_id]}, session)
        loaded = unit.document(cases, case_id)
        if loaded.version:
            # the case is always written, so that a concurrent worker gets a conflict
            unit.touch(cases, case_id, replace(loaded.protocol, waiting=True))
        rows, there = await self.store.reads.load_parked_of(unit, case_id, session)
        for row in rows:
            needs = self.inbox.needs(read_arrival(row_record(row)))
            await self.store.load(unit, needs, session)
        return unit, there

    def _park_first(self, case_id: str, unit: Unit, refused: str) -> None:
        row = self.inbox.first_due(case_id, unit)
        if row is not None:
            arrival = read_arrival(row_record(row))
            self.inbox.park(arrival, unit, f"{TOO_MUCH} ({refused})", refused)

    async def _waiting_after(self, case_id: str) -> list[Document]:
        waiting = {"protocol.waiting": True, "protocol.parked": None, "_id": {"$gt": case_id}}
        cases = self.store.db[self.store.cases].find(waiting, {"protocol.marks": 1})
        return await cases.sort("_id", 1).limit(_SWEPT).to_list()

    async def _due(self, cases: list[Document]) -> list[str]:
        """Return the cases whose next event, of any source, is parked."""
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
