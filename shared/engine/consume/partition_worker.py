"""A worker: one partition, strictly serial, its own back-off, its own halt.

It takes what is there at once, without lingering: an idle worker commits small batches and answers
fast; while one batch commits the next gathers, so a busy worker commits full ones. After any doubt
it drops what it holds, rereads the watermark and seeks to it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from random import uniform
from time import monotonic, time
from typing import Final, Protocol

import structlog

from shared.engine.consume import offset_store
from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.circuit_breaker import CASES
from shared.engine.consume.offset_store import Watermark
from shared.engine.failures.crash_points import reach
from shared.engine.kafka.undecodable_batch import skip_undecodable
from shared.engine.limits.memory_budget import Pool
from shared.engine.records import Record
from shared.engine.store import heartbeat
from shared.errors import Away, Conflict, Fenced, Halted, Rejected, Taken, Unavailable
from shared.observability import metrics

__all__ = ["Log", "PartitionWorker"]

_QUEUED_BATCHES: Final = 2
_CONFLICTS: Final = 8
_READY_TRIES: Final = 100
_READY_PAUSE_S: Final = 0.02
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)

log = structlog.get_logger()


class Log(Protocol):
    """The partition as its worker sees it."""

    topic: str
    partition: int

    async def bounds(self) -> tuple[str, int, int]:
        """The topic's id, the first offset that is kept and the next to be written."""
        ...

    def seek(self, offset: int) -> None:
        """Deliver from `offset` next."""
        ...

    def pause(self) -> None:
        """Deliver nothing until `resume`."""
        ...

    def resume(self) -> None:
        """Deliver again."""
        ...


class PartitionWorker:
    """Takes one partition's records in order, batch by batch."""

    def __init__(
        self, log: Log, committer: BatchCommitter, turns: asyncio.Semaphore, pool: Pool
    ) -> None:
        self.log = log
        self.committer = committer
        self.halted: str | None = None
        """Why it stands still until a person acts."""
        self.remedy = ""
        """What the person can do about it."""
        self.waiting: str | None = None
        """Why it waits and tries again by itself (MongoDB away, say)."""
        self.failing: str | None = None
        """Why its last try failed; None once a batch had its effect."""
        self.declared = False
        """Whether what it waits for is known to be away, so that it is right to wait."""
        self.mark: Watermark | None = None
        self.log_end = 0
        self.moved_at = monotonic()
        """When it had its turn or brought a batch home; a turn after a failure does not count."""
        self.in_line = False
        """Whether it waits for its turn to commit."""
        self._caught_up_at: float | None = None
        self._handled_ms: int | None = None
        self._began_at = self.moved_at
        self._turns = turns
        self._pool = pool
        self._queue: deque[Record] = deque()
        self._bytes = 0
        """Bytes in the queue."""
        self._in_batch = 0
        """Bytes in the batch that is on its way."""
        self._paused = True
        self._arrived = asyncio.Event()
        self._rewind = True
        self._leaving = False
        self._task: asyncio.Task[None] | None = None
        self._tries = 0
        self._taking: int | None = None
        self._halted_at: int | None = None
        self._most = committer.processor.most
        self._undecodable: tuple[int, int, str] | None = None

    @property
    def name(self) -> str:
        """For people: `topic[partition]`."""
        return f"{self.log.topic}[{self.log.partition}]"

    @property
    def lag(self) -> int:
        """Events that lie in the log and have not had their effect: log end minus watermark."""
        at = self.mark.offset if self.mark else self._halted_at
        return 0 if at is None else max(0, self.log_end - at)

    @property
    def has_work(self) -> bool:
        """Whether there is something to do: events to take, or the partition itself."""
        return self.lag > 0 or (self.mark is None and self.failing is not None)

    def note_lag(self) -> None:
        """The log's end was looked at."""
        if self.mark is not None and not self.lag:
            self._caught_up_at = monotonic()

    @property
    def delay_s(self) -> float:
        """How long the oldest event that has not had its effect has waited, at most, in seconds.

        It came after the last one that had, and after all had: the later of the two counts.
        """
        if not self.lag:
            return 0.0
        bounds = []
        if self._handled_ms is not None:
            bounds.append(time() - self._handled_ms / 1000)
        if self._caught_up_at is not None or not bounds:
            bounds.append(monotonic() - (self._caught_up_at or self._began_at))
        return max(0.0, min(bounds))

    def start(self) -> None:
        """Take the partition over and begin."""
        self.log.pause()
        self.log.seek(
            0
        )  # a position must stand before the first poll; nothing is read while paused
        self._pool.join(self)
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def leave(self) -> None:
        """Stop taking, finish the batch in flight, and end."""
        self._leaving = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._pool.leave(self)
        self._drop()

    def offer(self, records: Sequence[Record]) -> None:
        """Take delivery of records from the poll."""
        if self._rewind or self._leaving or self.halted or self.mark is None:
            return  # what was polled before a seek is stale; it will come again
        expected, before = self._next, self._bytes
        for record in records:
            if record.offset != expected:
                self.rewind()  # the client skipped or repeated: never trust it, ask again
                break
            expected += 1
            self._queue.append(record)
            self._bytes += record.memory_bytes
        self._pool.take(self._bytes - before)
        self.adjust_flow()
        self._arrived.set()

    def adjust_flow(self) -> None:
        """Ask for more as long as the pool of the process has room for it."""
        if self._rewind or self._leaving or self.halted or self.mark is None:
            return
        in_memory, free = self._bytes + self._in_batch, self._pool.free_bytes
        most = _QUEUED_BATCHES * self.committer.processor.most
        if in_memory >= free or len(self._queue) > most:
            self._pause()
        elif self._paused and 2 * in_memory <= free and 2 * len(self._queue) <= most:
            self._paused = False
            self.log.resume()

    def rewind(self) -> None:
        """Drop what is held, reread the watermark and seek to it."""
        self._rewind = True
        self._arrived.set()

    def reassign(self) -> None:
        """Take the partition again: its log is not the one that was taken."""
        self.mark = None
        self.rewind()

    def skip_undecodable(self, at: int, until: int, cause: str) -> None:
        """Park [at, until) by position, as soon as all before it is done: it cannot be read."""
        self._undecodable = (at, until, cause)
        self._arrived.set()

    def resume(self) -> None:
        """Lift a halt: an operator's word.

        It begins with so few that all may park: a batch of many cases that fail would halt each time.
        """
        self.halted = None
        self._most = min(self._most, CASES - 1)
        self.rewind()

    async def accept_gap(self) -> int:
        """Go on from the log's start, giving up what lies below it: an operator's word.

        Raises:
            Rejected: the worker does not stand still for that.

        """
        topic_id, start, end = await self.log.bounds()
        known = await offset_store.stored(self.committer.store, topic_id, self.log.partition)
        if not self.halted or (known is not None and not known < start <= end):
            raise Rejected("no event below the log's start is missing here")
        await offset_store.accept(
            self.committer.store,
            topic_id=topic_id,
            topic=self.log.topic,
            partition=self.log.partition,
            offset=start,
        )
        self.resume()
        return start

    async def ready(self) -> bool:
        """Wait a moment until the worker has gone back to its watermark; False if it has not."""
        for _ in range(_READY_TRIES):
            if not self._rewind and self.mark is not None:
                return True
            if self.halted or self._leaving:
                return False
            await asyncio.sleep(_READY_PAUSE_S)
        return False

    @property
    def _next(self) -> int:
        if self._queue:
            return self._queue[-1].offset + 1
        return self._taking if self._taking is not None else (self.mark.offset if self.mark else 0)

    async def _run(self) -> None:
        while not self._leaving:
            try:
                if self._rewind:
                    await self._rewind_to_watermark()
                if not self._queue:
                    if self._undecodable is not None:
                        await self._skip_undecodable(*self._undecodable)
                        continue
                    self.waiting = None  # nothing fails while there is nothing to do
                    await self._arrived.wait()
                    self._arrived.clear()
                    continue
                await self._take_batch()
                self._tries = 0
                self.waiting = self.failing = None
                self.declared = False
            except Fenced:
                self._rewind = True
                self.mark = None
                metrics.fenced(self.log.topic)
                await self._back_off("another owner holds the partition")
            except Unavailable as error:
                self._rewind = True
                await self._back_off(str(error), declared=isinstance(error, Away))
            except Conflict:
                self._rewind = True
                await self._back_off("other writers keep changing the same cases")
            except Halted as halt:
                self.remedy = halt.remedy
                await self._halt(str(halt))
            except Exception as error:
                log.exception("lane_failed", worker=self.name, error=type(error).__name__)
                self._rewind = True
                await self._back_off(f"the lane failed with {type(error).__name__}")

    async def _take_batch(self) -> None:
        assert self.mark is not None  # noqa: S101 - _go_back made sure
        records: list[Record] = []
        for attempt in range(_CONFLICTS):
            try:
                self.in_line = True
                async with self._turns:
                    self.in_line = False
                    if self.failing is None:
                        self.moved_at = monotonic()
                    if not records:  # not before its turn: what arrives meanwhile goes along
                        started = monotonic()
                        records = self._gather()
                        self._taking = records[-1].offset + 1
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
                    raise  # a first half was committed: take what is left anew
                records = self._give_back_half(records)
        reach("lane.between_slices")
        self._most = min(2 * self._most, self.committer.processor.most)
        self._taking = None
        self.moved_at = monotonic()
        self._pool.moved()
        self._handled_ms = records[-1].timestamp_ms
        metrics.batch_taken(self.log.topic, len(records), monotonic() - started)
        given, self._in_batch = self._in_batch, 0
        self._pool.give(given)
        self.adjust_flow()

    async def _skip_undecodable(self, at: int, until: int, cause: str) -> None:
        assert self.mark is not None  # noqa: S101 - _go_back made sure
        self._undecodable = None
        self._rewind = True
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

    def _give_back_half(self, records: list[Record]) -> list[Record]:
        """Rivals for the same cases meet less often in smaller batches."""
        if len(records) == 1:
            return records
        self._most = len(records) // 2
        for record in reversed(records[self._most :]):
            self._queue.appendleft(record)
            self._bytes += record.memory_bytes
            self._in_batch -= record.memory_bytes
        return records[: self._most]

    def _gather(self) -> list[Record]:
        records: list[Record] = []
        size, most = 0, self.committer.most_bytes
        if len(self._queue) <= self._most and self._bytes <= most:
            records, size = list(self._queue), self._bytes
            self._queue.clear()
        else:
            while self._queue and len(records) < self._most:
                if records and size + self._queue[0].memory_bytes > most:
                    break
                records.append(self._queue.popleft())
                size += records[-1].memory_bytes
        self._bytes -= size
        self._in_batch = size
        return records

    def _drop(self) -> None:
        """Give back all that is held: it will come again."""
        given = self._bytes + self._in_batch
        self._queue.clear()
        self._bytes = self._in_batch = 0
        self._taking = None
        self._pool.give(given)

    async def _rewind_to_watermark(self) -> None:
        self._pause()
        self._drop()
        seen = self.committer.store.heartbeat
        if self.mark is None:
            topic_id, start, end = await self.log.bounds()
            self.log_end = end
            reach("lane.before_take")
            self.mark = await offset_store.take(
                self.committer.store,
                topic=self.log.topic,
                topic_id=topic_id,
                partition=self.log.partition,
                log_start=start,
                log_end=end,
            )
            reach("lane.after_take")
        else:
            self.mark = await offset_store.read(self.committer.store, self.mark)
        await heartbeat.check(self.committer.store, seen)
        self._rewind = False
        reach("lane.before_seek")
        self.log.seek(self.mark.offset)
        self.adjust_flow()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.log.pause()

    async def _halt(self, reason: str) -> None:
        self.halted = reason
        self._halted_at = self.mark.offset if self.mark else None
        self._pause()
        self._rewind = True
        self._drop()
        self.mark = None
        metrics.halted(self.log.topic)
        log.error("lane_halted", worker=self.name, reason=reason)
        while self.halted and not self._leaving:
            self._arrived.clear()
            await self._arrived.wait()

    async def _back_off(self, reason: str, *, declared: bool = False) -> None:
        if self.waiting != reason:
            log.warning("lane_waits", worker=self.name, reason=reason)
        self.waiting = self.failing = reason
        self.declared = declared
        pause = _PAUSES[min(self._tries, len(_PAUSES) - 1)]
        self._tries += 1
        if self._rewind:
            self._drop()  # whoever waits holds nothing that another could use
        await asyncio.sleep(uniform(pause / 2, pause))  # noqa: S311 - jitter
