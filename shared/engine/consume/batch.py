"""One batch of a partition: from the watermark to a later offset, in one transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, Final

from shared.crash_points import reach
from shared.engine.consume import offset_store
from shared.engine.consume.circuit_breaker import CircuitBreaker
from shared.engine.consume.inbox import read_arrival
from shared.engine.consume.offset_store import Watermark
from shared.engine.consume.processor import Processor
from shared.engine.failures.failure_reason import TOO_MUCH, explain
from shared.engine.failures.mongo_errors import REFUSED
from shared.engine.records import Record, row_record
from shared.engine.store.store import Store
from shared.engine.store.unit_of_work import Unit
from shared.errors import ServiceError, TooMuch
from shared.observability import metrics

__all__ = ["BatchCommitter"]

_LOOP_S: Final = 0.005
"""How long a batch may run before it yields to the event loop."""


class BatchCommitter:
    """Commits batches of records: it calls a processor, and writes to a store."""

    def __init__(self, store: Store, processor: Processor[Any], breaker: CircuitBreaker) -> None:
        self.store = store
        self.processor = processor
        self.breaker = breaker
        self.most_bytes = store.budget.batch
        """Bytes of records that one batch may hold."""

    async def commit(self, mark: Watermark, records: Sequence[Record]) -> tuple[Watermark, Unit]:
        """Process the records and move the watermark past them, or do neither.

        A batch that the database refuses is halved, left to right, until the record at fault is
        alone and is parked. A batch that is too large for one transaction is halved too.

        Returns the watermark, and the last unit that was written.

        Raises:
            Fenced, Conflict, Unavailable: the batch (or its last half) was not written, or the
                outcome is unknown. Read the watermark first.
            Halted: too many cases would be parked for one cause.

        """
        try:
            return await self._commit(mark, records)
        except TooMuch:
            pass  # one record alone is never too much
        except REFUSED as error:
            if len(records) == 1:
                return await self._alone(mark, records, type(error).__name__)
        middle = len(records) // 2
        mark, _ = await self.commit(mark, records[:middle])
        return await self.commit(mark, records[middle:])

    async def refuse(
        self, mark: Watermark, record: Record, why: ServiceError
    ) -> tuple[Watermark, Unit]:
        """Park a record that the database refused each time, alone in its transaction."""
        return await self._commit(mark, [record], refused=str(why))

    async def _alone(
        self, mark: Watermark, records: Sequence[Record], refused: str
    ) -> tuple[Watermark, Unit]:
        """Try the record without the parked events behind it. If it is refused again, park it."""
        try:
            return await self._commit(mark, records, may_resume=0)
        except REFUSED:
            return await self._commit(mark, records, refused=refused)

    async def _commit(
        self,
        mark: Watermark,
        records: Sequence[Record],
        *,
        refused: str | None = None,
        may_resume: int | None = None,
    ) -> tuple[Watermark, Unit]:
        arrivals = await self.processor.prepare(records)
        reach("slice.prepared")
        records, later = records[: len(arrivals)], records[len(arrivals) :]
        to = records[-1].offset + 1
        unit = self.store.unit()
        if may_resume is not None:
            unit.parked.may_resume = may_resume
        if len(records) > 1:
            unit.most_bytes = self.most_bytes
        began = monotonic()
        async with self.store.transaction(mark.session) as session:
            await offset_store.move(self.store, mark, to, session)
            await self._load(unit, arrivals, session)
            reach("slice.loaded")
            yield_at = monotonic() + _LOOP_S
            for arrival in arrivals:
                if monotonic() > yield_at:  # pages and other workers use this loop too
                    await asyncio.sleep(0)
                    yield_at = monotonic() + _LOOP_S
                if refused is None:
                    self.take(arrival, unit)
                    unit.weigh_outgoing()
                else:
                    self.processor.park(arrival, unit, f"{TOO_MUCH} ({refused})", refused)
            self.breaker.check(unit.failures)
            await self.store.write(unit, session)
            reach("slice.before_commit")
        reach("slice.after_commit")
        metrics.committed(
            records[0].topic,
            len(records),
            monotonic() - began,
            duplicates=unit.duplicates,
            parked=len(unit.failures),
            refused=sum(row["state"] == "unreadable" for row in unit.parked.kept.values()),
        )
        self.breaker.note(unit.failures)
        self.store.settle(unit)
        mark = replace(mark, offset=to)
        return await self.commit(mark, later) if later else (mark, unit)

    def take(self, arrival: Any, unit: Unit) -> None:
        """Process one arrival. If it fails, undo the attempt and park it."""
        before = unit.savepoint()
        try:
            self.processor.take(arrival, unit)
        except Exception as error:  # noqa: BLE001 - one arrival's bug stops its own case only
            unit.roll_back(before)
            self.processor.park(arrival, unit, *explain(error))

    async def _load(self, unit: Unit, arrivals: Sequence[Any], session: Any) -> None:
        wanted: dict[str, list[str]] = {}
        cases = [case for each in arrivals if (case := self.processor.case_of(each)) is not None]
        if cases:
            wanted[self.store.cases] = list(cases)
        for arrival in arrivals:
            for collection, ids in self.processor.needs(arrival).items():
                wanted.setdefault(collection, []).extend(ids)
        await self.store.load(unit, wanted, session)
        for row in await self.store.load_parked(unit, cases, session):
            waiting = self.processor.needs(read_arrival(row_record(row)))
            await self.store.load(unit, waiting, session)
