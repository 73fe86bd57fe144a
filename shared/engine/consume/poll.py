"""The poll of a subscription: records go to the workers; a batch that cannot be decoded is found.

An exception out of a poll does not say whose log it is about. So all workers rewind, and each log is
then read record by record until the error comes again.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError

from shared.engine.consume.partition_worker import PartitionWorker
from shared.engine.consume.topic_ids import TopicIds
from shared.engine.failures.cancellation import is_cancelled
from shared.engine.kafka.undecodable_batch import is_undecodable, next_decodable
from shared.engine.limits.memory_budget import Pool
from shared.engine.records import Record
from shared.errors import Unavailable

__all__ = ["Poll"]

_POLL_MS: Final = 500
_POLLED_RECORDS: Final = 2_000
_POLLED_BYTES: Final = 4 * 1024 * 1024
_SMALL_AT_ONCE: Final = 16
_SMALL_BYTES: Final = 64 * 1024
_LOOK_AGAIN_S: Final = 0.05
_LOOK_AGAIN_AT_MOST_S: Final = 2.0
_ANSWER_MS: Final = 200

log = structlog.get_logger()


class Poll:
    """Polls one consumer, and offers the records to the workers."""

    def __init__(
        self,
        group: str,
        consumer: AIOKafkaConsumer,
        workers: Mapping[TopicPartition, PartitionWorker],
        *,
        pool: Pool,
        topic_ids: TopicIds,
    ) -> None:
        self.trouble: str | None = None
        """Why nothing can be read at present."""
        self._group = group
        self._consumer = consumer
        self._workers = workers
        self._pool = pool
        self._topic_ids = topic_ids

    async def run(self) -> None:
        """Poll until cancelled, or until the consumer is stopped."""
        is_suspicious, pause = False, _LOOK_AGAIN_S
        while not is_cancelled():
            try:
                if is_suspicious:
                    is_suspicious = False
                    await self._look_closer()
                if self._pool.free_bytes > 0:
                    await self._deliver()
                    await asyncio.sleep(0)  # records that are ready are delivered without a wait
                else:  # all workers are paused; the client still holds what it fetched before
                    await self._pool.wait(_POLL_MS / 1000)
                self.trouble, pause = None, _LOOK_AGAIN_S
            except ConsumerStoppedError:
                return
            except Exception as error:  # noqa: BLE001 - a partner's bytes may raise any error in a poll
                log.warning("poll_failed", group=self._group, error=type(error).__name__)
                self.trouble = f"{self._group} cannot read ({type(error).__name__})"
                is_suspicious = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LOOK_AGAIN_AT_MOST_S)

    async def _deliver(
        self, *places: TopicPartition, wait_ms: int = _POLL_MS, most: int = _POLLED_RECORDS
    ) -> int:
        """Offer records to their workers. Returns how many.

        Large records are polled one by one: the client unpacks a batch when its turn comes, and many
        small batches may unpack to much.
        """
        taken: dict[TopicPartition, list[Record]] = {}
        count = in_memory = 0
        at_once = 1
        enough = min(_POLLED_BYTES, self._pool.free_bytes)
        while count < most and in_memory < enough:
            polled = await self._consumer.getmany(
                *places, timeout_ms=0 if count else wait_ms, max_records=at_once
            )
            if not polled:
                break
            largest = 0
            for place, records in polled.items():
                count += len(records)
                with self._own_failures(place):
                    known = [_record(each) for each in records]
                    taken.setdefault(place, []).extend(known)
                    sizes = [each.memory_bytes for each in known]
                    in_memory += sum(sizes)
                    largest = max(largest, *sizes)
            at_once = min(_SMALL_AT_ONCE, most) if largest <= _SMALL_BYTES else 1
        for place, known in taken.items():
            with self._own_failures(place):
                if worker := self._workers.get(place):
                    worker.offer(known)
        return count

    @contextmanager
    def _own_failures(self, place: TopicPartition) -> Iterator[None]:
        """Handle a failure of our own code, so that it does not look like undecodable bytes."""
        try:
            yield
        except Exception as error:
            log.exception("offer_failed", place=str(place), error=type(error).__name__)
            if worker := self._workers.get(place):
                worker.rewind()

    async def _look_closer(self) -> None:
        """After an exception out of a poll: rewind all workers, and find the log that raises it."""
        for worker in self._workers.values():
            worker.rewind()
        ends = await self._consumer.end_offsets(list(self._workers))
        for place, worker in list(self._workers.items()):
            if place not in ends or not await worker.ready():
                continue
            try:
                await self._read_singly(place, ends[place])
            except ConsumerStoppedError:
                raise
            except OffsetOutOfRangeError:
                self._topic_ids.forget()
                worker.reassign()
            except Exception as cause:  # noqa: BLE001 - see above
                await self._suspect(place, worker, cause)

    async def _read_singly(self, place: TopicPartition, end: int) -> None:
        """Deliver records up to `end` one by one, so that an error comes at its own offset."""
        while await self._consumer.position(place) != end:
            if not await self._deliver(place, wait_ms=_ANSWER_MS, most=1):
                break

    async def _suspect(
        self, place: TopicPartition, worker: PartitionWorker, cause: Exception
    ) -> None:
        """Skip a batch that cannot be decoded. Errors of the broker pass by themselves."""
        if not is_undecodable(cause):
            return
        try:
            at = await self._consumer.position(place)
            until = await next_decodable(self._consumer, place, at)
        except (KafkaError, Unavailable):
            worker.rewind()  # the partition is reassigned, or the broker is down: skip nothing
        else:
            worker.skip_undecodable(at, until, type(cause.__cause__ or cause).__name__)


def _record(record: ConsumerRecord) -> Record:
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )
