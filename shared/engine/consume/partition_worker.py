"""The worker of one partition: strictly serial, with its own back-off and its own halt.

It takes the queued records at once, without lingering. An idle worker commits small batches and has a
short latency. While one batch commits the next one queues up, so a busy worker commits full batches.
After any doubt it drops its records, reads the watermark again and seeks to it.
"""

import asyncio
from collections.abc import Sequence
from random import uniform
from time import monotonic
from typing import Final, NamedTuple

import structlog

from shared.crash_points import reach
from shared.engine.consume import offset_store
from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.circuit_breaker import CASES
from shared.engine.consume.offset_store import Head, Watermark
from shared.engine.consume.progress import Progress
from shared.engine.consume.record_queue import Log, RecordQueue
from shared.engine.consume.retries import Retries
from shared.engine.consume.skipped_batch import skip_undecodable
from shared.engine.limits.memory_budget import Pool
from shared.engine.records import Record
from shared.errors import Away, Conflict, Fenced, Halted, Rejected, Taken, Unavailable
from shared.observability import metrics

__all__ = ["Halt", "PartitionWorker"]

_CONFLICTS: Final = 8
_READY_TRIES: Final = 100
_READY_PAUSE_S: Final = 0.02

log = structlog.get_logger()


class Halt(NamedTuple):
    """Why a worker is halted until an operator acts."""

    reason: str
    remedy: str
    """What the operator can do about it."""


class PartitionWorker:
    """Takes one partition's records in order, batch by batch."""

    def __init__(
        self,
        log: Log,
        committer: BatchCommitter,
        turns: asyncio.Semaphore,
        pool: Pool,
        head: Head = Head.WHOLE,
    ) -> None:
        self.log = log
        self.head = head
        self.committer = committer
        self.mark: Watermark | None = None
        """The partition's position; None while the worker does not own the partition."""
        self.halted: Halt | None = None
        self.progress = Progress()
        self.retries = Retries()
        self.queue = RecordQueue(
            log, pool, batch_records=committer.processor.most, batch_bytes=committer.most_bytes
        )
        self._turns = turns
        self._pool = pool
        self._wake = asyncio.Event()
        self._is_leaving = False
        self._task: asyncio.Task[None] | None = None
        self._halted_at: int | None = None
        self._undecodable: tuple[int, int, str] | None = None

    @property
    def name(self) -> str:
        """For people: `topic[partition]`."""
        return f"{self.log.topic}[{self.log.partition}]"

    @property
    def lag(self) -> int:
        """Events in the log that have not had their effect: log end minus watermark."""
        return self.progress.lag(self.mark.offset if self.mark else self._halted_at)

    @property
    def delay_s(self) -> float:
        """How long the oldest event that has not had its effect has waited, at most, in seconds."""
        return self.progress.delay_s if self.lag else 0.0

    @property
    def has_work(self) -> bool:
        """Whether there are events to take, or the partition itself."""
        return self.lag > 0 or (self.mark is None and self.retries.failing is not None)

    def note_log_end(self, end: int) -> None:
        """Note the log's end, as the broker has just returned it."""
        self.progress.log_end = end
        if self.mark is not None and not self.lag:
            self.progress.caught_up()

    def start(self) -> None:
        """Take the partition over and begin."""
        self.log.pause()
        self.log.seek(0)  # the first poll needs a position; a paused partition delivers nothing
        self._pool.join(self.queue)
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def leave(self) -> None:
        """Take no more records, finish the batch in flight, and end."""
        self._is_leaving = True
        self.rewind()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._pool.leave(self.queue)
        self.queue.drop()

    def offer(self, records: Sequence[Record]) -> None:
        """Take records from the poll."""
        if self.queue.is_open:
            self.queue.offer(records)
            self._wake.set()

    def rewind(self) -> None:
        """Drop all records, read the watermark again and seek to it."""
        self.queue.close()
        self._wake.set()

    def reassign(self) -> None:
        """Take the partition again: its log is another one."""
        self.mark = None
        self.rewind()

    def skip_undecodable(self, at: int, until: int, cause: str) -> None:
        """Park the offsets [at, until), which cannot be decoded, once all before is done."""
        self._undecodable = (at, until, cause)
        self._wake.set()

    def resume(self) -> None:
        """Lift a halt, as an operator decided.

        The first batch is so small that all its cases may park. A larger one could halt again.
        """
        self.halted = None
        self.queue.limit = min(self.queue.limit, CASES - 1)
        self.rewind()

    async def accept_gap(self) -> int:
        """Continue at the log's start, as an operator decided; events before it are given up.

        Returns the offset of the log's start.

        Raises:
            Rejected: the worker is not halted for missing events.

        """
        topic_id, start, end = await self.log.bounds()
        known = await offset_store.stored(
            self.committer.store, topic_id, self.log.partition, self.head
        )
        if not self.halted or (known is not None and not known < start <= end):
            raise Rejected("no event below the log's start is missing here")
        await offset_store.accept(
            self.committer.store,
            topic_id=topic_id,
            topic=self.log.topic,
            partition=self.log.partition,
            offset=start,
            head=self.head,
        )
        self.resume()
        return start

    async def ready(self) -> bool:
        """Wait a moment until the worker has sought to its watermark. False if it has not."""
        for _ in range(_READY_TRIES):
            if self.queue.is_open and self.mark is not None:
                return True
            if self.halted or self._is_leaving:
                return False
            await asyncio.sleep(_READY_PAUSE_S)
        return False

    async def _run(self) -> None:
        while not self._is_leaving:
            try:
                if not self.queue.is_open:
                    await self._rewind_to_watermark()
                if not self.queue:
                    if self._undecodable is not None:
                        await self._skip_undecodable(*self._undecodable)
                        continue
                    self.retries.idle()
                    await self._wake.wait()
                    self._wake.clear()
                    continue
                await self._take_batch()
                self.retries.succeeded()
            except Fenced:
                self.queue.close()
                self.mark = None
                metrics.fenced(self.log.topic)
                await self._back_off("another owner holds the partition")
            except Unavailable as error:
                self.queue.close()
                await self._back_off(str(error), is_outage=isinstance(error, Away))
            except Conflict:
                self.queue.close()
                await self._back_off("other writers keep changing the same cases")
            except Halted as halt:
                await self._halt(Halt(str(halt), halt.remedy))
            except Exception as error:
                log.exception("lane_failed", worker=self.name, error=type(error).__name__)
                self.queue.close()
                await self._back_off(f"the worker failed with {type(error).__name__}")

    async def _take_batch(self) -> None:
        assert self.mark is not None  # noqa: S101 - _rewind_to_watermark made sure
        records: list[Record] = []
        for attempt in range(_CONFLICTS):
            try:
                self.progress.is_in_line = True
                async with self._turns:
                    self.progress.is_in_line = False
                    if self.retries.failing is None:
                        self.progress.moved()
                    if not records:  # not before its turn: records that arrive meanwhile join
                        started = monotonic()
                        records = self.queue.take_batch()
                    self.mark, _ = await self.committer.commit(self.mark, records)
                break
            except Conflict as conflict:
                if attempt == _CONFLICTS - 1:
                    if isinstance(conflict, Taken) and len(records) == 1:
                        self.mark, _ = await self.committer.refuse(self.mark, records[0], conflict)
                        break
                    raise
                await asyncio.sleep(uniform(0, 0.005 * 2**attempt))  # noqa: S311 - jitter
                current = await offset_store.read(self.committer.store, self.mark)
                if current.offset != self.mark.offset:
                    raise  # a first half was committed: read the watermark and poll the rest again
                records = self.queue.give_back_half(records)
        reach("lane.between_slices")
        self.progress.committed(records[-1].timestamp_ms)
        self._pool.moved()
        metrics.batch_taken(self.log.topic, len(records), monotonic() - started)
        self.queue.settle()

    async def _skip_undecodable(self, at: int, until: int, cause: str) -> None:
        assert self.mark is not None  # noqa: S101 - _rewind_to_watermark made sure
        self._undecodable = None
        self.queue.close()
        if self.mark.offset == at:
            log.error("batch_unreadable", worker=self.name, offset=at, until=until, cause=cause)
            self.mark = await skip_undecodable(
                self.committer.store,
                self.mark,
                topic=self.log.topic,
                partition=self.log.partition,
                until=until,
                cause=cause,
            )
            metrics.skipped_undecodable(self.log.topic, until - at)

    async def _rewind_to_watermark(self) -> None:
        self.queue.pause()
        self.queue.drop()
        guard = self.committer.store.rollback
        seen = guard.seen
        if self.mark is None:
            topic_id, start, end = await self.log.bounds()
            self.progress.log_end = end
            reach("lane.before_take")
            self.mark = await offset_store.take(
                self.committer.store,
                topic=self.log.topic,
                topic_id=topic_id,
                partition=self.log.partition,
                log_start=start,
                log_end=end,
                head=self.head,
            )
            reach("lane.after_take")
        else:
            self.mark = await offset_store.read(self.committer.store, self.mark)
        await guard.check(seen)
        reach("lane.before_seek")
        if not self._is_leaving:
            self.queue.open(self.mark.offset)

    async def _halt(self, halt: Halt) -> None:
        self.halted = halt
        self._halted_at = self.mark.offset if self.mark else None
        self.queue.pause()
        self.queue.close()
        self.queue.drop()
        self.mark = None
        metrics.halted(self.log.topic)
        log.error("lane_halted", worker=self.name, reason=halt.reason)
        while self.halted and not self._is_leaving:
            self._wake.clear()
            await self._wake.wait()

    async def _back_off(self, reason: str, *, is_outage: bool = False) -> None:
        if self.retries.waiting != reason:
            log.warning("lane_waits", worker=self.name, reason=reason)
        pause = self.retries.failed(reason, is_outage=is_outage)
        if not self.queue.is_open:
            self.queue.drop()  # a worker that waits leaves the memory to the others
        await asyncio.sleep(pause)
