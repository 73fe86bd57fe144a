"""The records of one partition between the poll and the commit, within the memory of the process.

A closed queue takes nothing: what is polled before a seek is stale, and comes again. An open one asks
for more while the pool of the process has free memory, and pauses the partition otherwise.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from shared.engine.limits.memory_budget import Pool
from shared.engine.records import Record

__all__ = ["Log", "RecordQueue"]

_QUEUED_BATCHES: Final = 2


class Log(Protocol):
    """A partition as its worker uses it."""

    topic: str
    partition: int

    async def bounds(self) -> tuple[str, int, int]:
        """Return the topic's id, the first offset that is kept and the next to be written."""
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


class RecordQueue:
    """Queues the records of one partition, and takes batches from them."""

    def __init__(self, log: Log, pool: Pool, *, batch_records: int, batch_bytes: int) -> None:
        self._log = log
        self._pool = pool
        self._batch_records = batch_records
        self._batch_bytes = batch_bytes
        self.is_open = False
        """Whether it takes records."""
        self.limit = batch_records
        """Records that the next batch may hold: fewer after conflicts and halts."""
        self._records: deque[Record] = deque()
        self._expected = 0
        """The offset of the next record."""
        self._bytes = 0
        """Bytes in the queue."""
        self._in_batch = 0
        """Bytes in the batch that is being committed."""
        self._is_paused = True

    def __len__(self) -> int:
        """Return how many records are queued."""
        return len(self._records)

    def open(self, offset: int) -> None:
        """Take records from `offset` on, which are delivered next."""
        self.is_open = True
        self._expected = offset
        self._log.seek(offset)
        self.adjust_flow()

    def close(self) -> None:
        """Take no more records."""
        self.is_open = False

    def offer(self, records: Sequence[Record]) -> None:
        """Take polled records. After a gap or a repetition the queue is closed."""
        expected, size = self._expected, 0
        for record in records:
            if record.offset != expected:
                self.close()  # the client skipped or repeated a record: seek and poll again
                break
            expected += 1
            self._records.append(record)
            size += record.memory_bytes
        self._expected = expected
        self._bytes += size
        self._pool.take(size)
        self.adjust_flow()

    def adjust_flow(self) -> None:
        """Pause the partition if the memory is used up; resume it once half is free again."""
        if not self.is_open:
            return
        in_memory, free = self._bytes + self._in_batch, self._pool.free_bytes
        most = _QUEUED_BATCHES * self._batch_records
        if in_memory >= free or len(self._records) > most:
            self.pause()
        elif self._is_paused and 2 * in_memory <= free and 2 * len(self._records) <= most:
            self._is_paused = False
            self._log.resume()

    def pause(self) -> None:
        """Let the partition deliver nothing."""
        if not self._is_paused:
            self._is_paused = True
            self._log.pause()

    def take_batch(self) -> list[Record]:
        """Take the next batch, of one record at least."""
        records: list[Record] = []
        size, most = 0, self._batch_bytes
        if len(self._records) <= self.limit and self._bytes <= most:
            records, size = list(self._records), self._bytes
            self._records.clear()
        else:
            while self._records and len(records) < self.limit:
                if records and size + self._records[0].memory_bytes > most:
                    break
                records.append(self._records.popleft())
                size += records[-1].memory_bytes
        self._bytes -= size
        self._in_batch = size
        return records

    def give_back_half(self, records: list[Record]) -> list[Record]:
        """Put the second half of a batch back: smaller batches meet fewer conflicts."""
        if len(records) == 1:
            return records
        self.limit = len(records) // 2
        for record in reversed(records[self.limit :]):
            self._records.appendleft(record)
            self._bytes += record.memory_bytes
            self._in_batch -= record.memory_bytes
        return records[: self.limit]

    def settle(self) -> None:
        """Release the batch that was committed; the next one may be larger."""
        self.limit = min(2 * self.limit, self._batch_records)
        released, self._in_batch = self._in_batch, 0
        self._pool.give(released)
        self.adjust_flow()

    def drop(self) -> None:
        """Release all records. They are polled again."""
        released = self._bytes + self._in_batch
        self._records.clear()
        self._bytes = self._in_batch = 0
        self._pool.give(released)
