"""The scheduler: it fires each due deadline once, by mongod's clock.

A batch of due deadlines is one transaction: their documents are deleted, their cases are written with
a version guard, and facts go to the outbox. The scheduler owns a lease, which it writes in the same
transaction. That fences an owner that was replaced, and returns mongod's time, the only clock that
counts here. A case's deadlines fire in order. Those of a parked case wait until it continues, and one
that fails blocks only its own case. However late the scheduler is, each deadline fires once.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from random import uniform
from time import monotonic
from typing import Any, Final

import structlog
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from shared.crash_points import reach
from shared.engine.failures.cancellation import is_cancelled
from shared.engine.failures.failure_reason import explain
from shared.engine.failures.mongo_errors import REFUSED
from shared.engine.store import lease
from shared.engine.store.document import Document, Needs
from shared.engine.store.store import Store
from shared.engine.store.unit_of_work import Unit
from shared.engine.timers.timers import COLLECTION, Timer, Timers, read_timer
from shared.errors import Conflict, Fenced, ServiceError
from shared.observability import metrics

__all__ = ["Scheduler"]

NAME: Final = "ticker"
"""The name of its lease."""

_MOST: Final = 100
_TRIES: Final = 10
_LOOK_S: Final = 0.5
_RIVAL_S: Final = 1.0
_RENEW_S: Final = lease.LEASE_S / 2.5
_PAUSE_S: Final = 1.0
_SHORTEST_WAIT: Final = timedelta(seconds=1)
_LONGEST_WAIT: Final = timedelta(seconds=60)
_PATIENCE: Final = 0.1
_MEASURE_S: Final = 2.0
_WITHIN_LONGEST_WAIT: Final = {"$add": ["$$NOW", int(_LONGEST_WAIT.total_seconds() * 1000)]}

log = structlog.get_logger()


class Scheduler:
    """Fires the deadlines of one service."""

    def __init__(self, store: Store, timers: Timers, *, holder: str) -> None:
        self.store = store
        self.timers = timers
        self._holder = holder
        self._known: AsyncClientSession | None = None
        self._renew_at = 0.0
        self._most = _MOST
        self._in_vain = 0
        """How many batches in a row had a conflict."""

    @property
    def _session(self) -> AsyncClientSession:
        """The session of all its transactions, which its lease names."""
        if self._known is None:
            self._known = self.store.client.start_session()
        return self._known

    async def ensure_indexes(self) -> None:
        """Create the indexes for due deadlines, and for the other deadlines of a case."""
        timer = self.store.db[COLLECTION]
        await timer.create_index([("look_at", 1), ("due_at", 1)])
        await timer.create_index([("case_id", 1), ("due_at", 1)])

    async def run(self) -> None:
        """Fire due deadlines until cancelled. A failed batch is tried again."""
        while not is_cancelled():
            try:
                await self._step()
            except Fenced:
                log.warning("ticker_fenced")
                self._renew_at = 0.0
            except (ServiceError, PyMongoError, OSError) as error:
                log.warning("ticker_waits", error=type(error).__name__)
                await asyncio.sleep(_PAUSE_S)
            except Exception as error:
                log.exception("ticker_failed", error=type(error).__name__)
                await asyncio.sleep(_PAUSE_S)

    async def measure(self) -> None:
        """Update the metrics of waiting deadlines until cancelled, in each process of the service."""
        while not is_cancelled():
            try:
                metrics.deadlines_waiting(*await self.overdue())
            except (PyMongoError, OSError) as error:
                log.warning("deadlines_not_measured", error=type(error).__name__)
            await asyncio.sleep(_MEASURE_S)

    async def overdue(self) -> tuple[int, int, float]:
        """Return how many deadlines are set, how many are overdue, and the oldest one's delay in seconds."""
        timer = self.store.db[COLLECTION]
        found = await timer.aggregate(
            [
                # a waiting deadline is tried again within `_LONGEST_WAIT`, so these are all
                {"$match": {"$expr": {"$lte": ["$look_at", _WITHIN_LONGEST_WAIT]}}},
                {"$match": {"$expr": {"$lte": ["$due_at", "$$NOW"]}}},
                {"$group": {"_id": None, "n": {"$sum": 1}, "oldest": {"$min": "$due_at"}}},
                {"$project": {"n": 1, "late": {"$subtract": ["$$NOW", "$oldest"]}}},
            ]
        )
        row = next(iter(await found.to_list()), {"n": 0, "late": 0})
        return await timer.estimated_document_count(), row["n"], row["late"] / 1000

    async def _step(self) -> None:
        if not await self.owns():
            await asyncio.sleep(_RIVAL_S)
        elif not await self.is_due():
            await asyncio.sleep(_LOOK_S)
        else:
            began = monotonic()
            await self.fire()
            await asyncio.sleep(min(_PAUSE_S, monotonic() - began))  # leave time to the workers

    async def owns(self) -> bool:
        """Whether this process owns the lease. It takes or renews the lease if necessary."""
        if monotonic() < self._renew_at:
            return True
        owned = await lease.own(self.store, NAME, self._holder, self._session)
        if owned:
            reach("ticker.owned")
        self._renew_at = monotonic() + _RENEW_S if owned else 0.0
        return owned

    async def is_due(self) -> bool:
        """Whether a deadline is to be tried now."""
        passed = {"$expr": {"$lte": ["$look_at", "$$NOW"]}}
        return await self.store.db[COLLECTION].find_one(passed, {"_id": 1}) is not None

    async def fire(self) -> None:
        """Fire one batch of due deadlines.

        The batch is smaller after conflicts, or if the database refuses it.

        Raises:
            Fenced: another process has taken the lease; nothing was written.
            Unavailable: nothing was written, or the outcome is unknown. Call it again.

        """
        try:
            await self._fire_batch(self._most)
        except Conflict as conflict:
            self._in_vain += 1
            await asyncio.sleep(uniform(0, 0.02 * self._in_vain))  # noqa: S311 - jitter
            await self._less(conflict, at_once=False)
        except REFUSED as error:
            await self._less(error, at_once=True)
        else:
            self._most = min(_MOST, 2 * self._most)
            self._in_vain = 0

    async def _less(self, error: Exception, *, at_once: bool) -> None:
        """Use smaller batches. A deadline that fails alone is postponed, so that it blocks no other."""
        if self._most > 1:
            self._most = max(1, self._most // 4)
        elif at_once or self._in_vain > _TRIES:
            await self._fire_batch(1, refused=type(error).__name__)
            self._in_vain = 0

    async def _fire_batch(self, most: int, *, refused: str | None = None) -> None:
        seen = self.store.rollback.seen
        async with self.store.transaction(self._session) as session:
            now = await lease.fence(self.store, NAME, session)
            await self.store.rollback.check(seen, session)
            rows = await self._load(most, now, session)
            unit = self.store.unit(now)
            await self._load_needs(rows, unit, session)
            reach("ticker.loaded")
            fired = self._take(rows, unit, refused)
            await self.store.write(unit, session)
            reach("ticker.before_commit")
        reach("ticker.after_commit")
        self.store.settle(unit)
        metrics.deadlines_fired([timer.name for timer in fired])

    async def _load(self, most: int, now: datetime, session: AsyncClientSession) -> list[Document]:
        """Load the first due deadlines, and all others due in the same cases, oldest first."""
        timer = self.store.db[COLLECTION]
        first = (
            timer.find({"look_at": {"$lte": now}}, session=session).sort("look_at", 1).limit(most)
        )
        cases = list(dict.fromkeys([row["case_id"] async for row in first]))
        passed = {"case_id": {"$in": cases}, "due_at": {"$lte": now}}
        rows = await timer.find(passed, session=session).to_list()
        return sorted(rows, key=lambda row: (row["due_at"], row["_id"]))

    async def _load_needs(
        self, rows: Iterable[Document], unit: Unit, session: AsyncClientSession
    ) -> None:
        wanted: dict[str, list[str]] = {unit.cases: []}
        for row in rows:
            wanted[unit.cases].append(row["case_id"])
            for collection, ids in self._needs(read_timer(row)).items():
                wanted.setdefault(collection, []).extend(ids)
        await self.store.load(unit, wanted, session)

    def _needs(self, timer: Timer) -> Needs:
        try:
            return self.timers.needs(timer)
        except Exception:  # noqa: BLE001 - raised again when the deadline fires, and then it waits
            return {}

    def _take(self, rows: Iterable[Document], unit: Unit, refused: str | None) -> list[Timer]:
        """Fire each deadline, except those of blocked cases. Returns those that fired."""
        fired: list[Timer] = []
        blocked: dict[str, str] = {}
        for row in rows:
            timer = read_timer(row)
            if unit.document(unit.cases, timer.case_id).protocol.parked:
                blocked[timer.case_id] = "its case is parked"
            elif refused:
                blocked[timer.case_id] = f"the database refuses what follows ({refused})"
            elif timer.case_id not in blocked:
                why = self._try(timer, unit)
                if why is None:
                    fired.append(timer)
                    continue
                blocked[timer.case_id] = why
            unit.timers.append((timer.row_id, _later(row, unit.now, blocked[timer.case_id])))
        return fired

    def _try(self, timer: Timer, unit: Unit) -> str | None:
        """Fire a deadline. If it fails, undo the attempt and return the reason."""
        before = unit.savepoint()
        try:
            if not self.timers.knows(timer.name):
                return "nothing here knows this deadline"
            self.timers.needs(timer)  # needs that failed before fail again here, and block the case
            self.timers.fire(timer, unit)
        except Exception as error:  # noqa: BLE001 - one handler's bug stops its own case only
            unit.roll_back(before)
            reason, cause = explain(error)
            log.warning("deadline_failed", name=timer.name, case_id=timer.case_id, error=cause)
            metrics.deadline_failed(timer.name)
            return reason
        return None


def _later(row: Document, now: datetime, why: str) -> dict[str, Any]:
    """Return the row with a later `look_at`: the longer it has waited, the longer the pause."""
    late: timedelta = now - row["due_at"]
    pause = min(_LONGEST_WAIT, max(_SHORTEST_WAIT, late * _PATIENCE))
    return {**row, "look_at": now + pause, "waits": why}
