"""A subscription: FastStream opens the door to the broker, workers take what comes through it.

FastStream declares the topics, joins the group and holds the connection; it calls no handler and
acknowledges nothing. Each assigned partition gets a worker. Committed offsets in Kafka are a display
for operators' tools: written late, failures ignored, never read by us.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from time import monotonic
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.health_probe import HealthProbe
from shared.engine.consume.partition_worker import PartitionWorker
from shared.engine.consume.processor import Processor
from shared.engine.consume.watchdog import Watchdog
from shared.engine.failures.cancellation import is_cancelled
from shared.engine.failures.crash_points import reach
from shared.engine.kafka.connection import Partition
from shared.engine.kafka.connection_errors import name_broken_connections
from shared.engine.kafka.undecodable_batch import is_undecodable, next_decodable
from shared.engine.limits.bounded_decompression import bound_decompression
from shared.engine.limits.memory_budget import Pool
from shared.engine.records import Record
from shared.errors import Unavailable

__all__ = ["Subscription"]

_POLL_MS: Final = 500
_POLLED_RECORDS: Final = 2_000
_POLLED_BYTES: Final = 4 * 1024 * 1024
_LARGEST_BATCH: Final = 1024 * 1024
_SMALL_AT_ONCE: Final = 16
_SMALL_BYTES: Final = 64 * 1024
_LOOK_AGAIN_S: Final = 0.05
_LOOK_AGAIN_AT_MOST_S: Final = 2.0
_ANSWER_MS: Final = 200
_TOPIC_ID_FOR_S: Final = 1.0
_TOPIC_IDS_EVERY_S: Final = 10.0
_DISPLAY_EVERY_S: Final = 2.0
_LAST_DISPLAY_S: Final = 1.0

log = structlog.get_logger()


class Subscription(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is not typed
    """One consumer group member and its workers."""

    def __init__(
        self,
        *topics: str,
        processor: Processor[Any],
        group: str,
        pattern: str | None = None,
    ) -> None:
        self.topics = topics
        self.pattern = pattern
        self.processor = processor
        self.group = group
        self.workers: dict[TopicPartition, PartitionWorker] = {}
        self._topic_ids: dict[str, tuple[float, asyncio.Task[str]]] = {}
        self._same_until = 0.0
        self.trouble: str | None = None
        """Why nothing can be read at present."""
        self._tasks: list[asyncio.Task[None]] = []
        self.shown: Callable[[], str] = str
        """What the broker is to keep beside our positions; see `restored`."""

    def declare(
        self,
        broker: KafkaBroker,
        *,
        committer: BatchCommitter,
        turns: asyncio.Semaphore,
        pool: Pool,
        fetched: int,
        instance: str | None,
        health_probe: HealthProbe,
        end: Callable[[str], None],
    ) -> None:
        """Register with FastStream; nothing is read before `start`.

        Args:
            broker: FastStream's door.
            committer: what the workers do with their records.
            turns: how many workers of the process commit at once.
            pool: what they hold together.
            fetched: bytes that are asked for at once.
            instance: our name in the group.
            health_probe: who is asked whether others are answered.
            end: what to do about a process that does not move.

        """
        bound_decompression()
        name_broken_connections()
        self._connection = health_probe.connection
        self._committer = committer
        self._turns = turns
        self._pool = pool
        self.watchdog = Watchdog(
            self.group, self.workers, pool=pool, health_probe=health_probe, end=end
        )
        self._subscriber = broker.subscriber(
            *self.topics,
            pattern=self.pattern,
            batch=True,
            group_id=self.group,
            group_instance_id=instance,
            auto_offset_reset="none",
            ack_policy=AckPolicy.MANUAL,
            listener=self,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=1_000,
            fetch_max_wait_ms=500,
            fetch_max_bytes=fetched,
            max_partition_fetch_bytes=min(fetched, 2 * _LARGEST_BATCH),
            title=self.group,
        )

    @cached_property
    def consumer(self) -> AIOKafkaConsumer:
        """The consumer that FastStream started."""
        consumer = self._subscriber.consumer
        assert consumer is not None  # noqa: S101 - the broker is started before `start`
        return consumer

    @property
    def reading(self) -> set[str]:
        """The topics that are assigned to this process."""
        return {place.topic for place, worker in self.workers.items() if worker.mark is not None}

    @property
    def silent_s(self) -> float:
        """Seconds since the broker last answered; it is asked every other second."""
        return max(0.0, self.watchdog.silent_s - _DISPLAY_EVERY_S)

    def start(self) -> None:
        """Begin to poll."""
        self._tasks = [
            asyncio.create_task(self._poll(), name=f"{self.group} poll"),
            asyncio.create_task(self._watch(), name=f"{self.group} watch"),
        ]

    async def stop(self) -> None:
        """Finish the batches in flight and end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        places = dict(self.workers)
        await self._leave(self.workers)
        with suppress(Exception):
            async with asyncio.timeout(_LAST_DISPLAY_S):
                await self._display(places)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Finish what is in flight on the partitions that go elsewhere."""
        await self._leave([place for place in revoked if place in self.workers])
        reach("group.revoked")

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Open a worker for each partition; it takes the watermark by itself."""
        self._topic_ids.clear()
        consumer = self._subscriber.consumer
        for place in assigned:
            partition = Partition(consumer, place, self._topic_id)
            worker = PartitionWorker(partition, self._committer, self._turns, self._pool)
            self.workers[place] = worker
            worker.start()
        reach("group.assigned")

    async def _topic_id(self, topic: str) -> str:
        """Ask once for all partitions of a topic, and again for who asks later."""
        since, task = self._topic_ids.get(topic, (0.0, None))
        if task is None or monotonic() - since > _TOPIC_ID_FOR_S or _failed(task):
            task = asyncio.create_task(self._connection.topic_id(topic))
            self._topic_ids[topic] = (monotonic(), task)
        return await asyncio.shield(task)

    async def _leave(self, places: Iterable[TopicPartition]) -> None:
        leaving = [self.workers.pop(place) for place in list(places)]
        await asyncio.gather(*(worker.leave() for worker in leaving))

    async def _poll(self) -> None:
        suspicious, pause = False, _LOOK_AGAIN_S
        while not is_cancelled():
            try:
                if suspicious:
                    suspicious = False
                    await self._look_closer()
                if self._pool.free_bytes > 0:
                    await self._deliver()
                    await asyncio.sleep(0)  # what lies ready is delivered without any wait
                else:  # every worker is paused: what the client holds is what it asked for before
                    await self._pool.wait(_POLL_MS / 1000)
                self.trouble, pause = None, _LOOK_AGAIN_S
            except ConsumerStoppedError:
                return
            except Exception as error:  # noqa: BLE001 - a poll may raise anything a partner wrote
                log.warning("poll_failed", group=self.group, error=type(error).__name__)
                self.trouble = f"{self.group} cannot read ({type(error).__name__})"
                suspicious = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LOOK_AGAIN_AT_MOST_S)

    async def _deliver(
        self, *places: TopicPartition, wait_ms: int = _POLL_MS, most: int = _POLLED_RECORDS
    ) -> int:
        """Hand records to their workers; returns how many.

        As long as they are large they are asked for one by one: the client unpacks a batch when
        its turn comes, and many small ones may unpack to much.
        """
        taken: dict[TopicPartition, list[Record]] = {}
        count = in_memory = 0
        at_once = 1
        enough = min(_POLLED_BYTES, self._pool.free_bytes)
        while count < most and in_memory < enough:
            polled = await self.consumer.getmany(
                *places, timeout_ms=0 if count else wait_ms, max_records=at_once
            )
            if not polled:
                break
            largest = 0
            for place, records in polled.items():
                count += len(records)
                with self._by_ourselves(place):
                    known = [_record(each) for each in records]
                    taken.setdefault(place, []).extend(known)
                    sizes = [each.memory_bytes for each in known]
                    in_memory += sum(sizes)
                    largest = max(largest, *sizes)
            at_once = min(_SMALL_AT_ONCE, most) if largest <= _SMALL_BYTES else 1
        for place, known in taken.items():
            with self._by_ourselves(place):
                if worker := self.workers.get(place):
                    worker.offer(known)
        return count

    @contextmanager
    def _by_ourselves(self, place: TopicPartition) -> Iterator[None]:
        """A failure in here is ours, and never taken for bytes that cannot be read."""
        try:
            yield
        except Exception as error:
            log.exception("offer_failed", place=str(place), error=type(error).__name__)
            if worker := self.workers.get(place):
                worker.rewind()

    async def _look_closer(self) -> None:
        """After an exception out of a poll: back to the watermarks, and find whose log it is."""
        for worker in self.workers.values():
            worker.rewind()
        ends = await self.consumer.end_offsets(list(self.workers))
        for place, worker in list(self.workers.items()):
            if place not in ends or not await worker.ready():
                continue
            try:
                await self._read_singly(place, ends[place])
            except ConsumerStoppedError:
                raise
            except OffsetOutOfRangeError:
                self._topic_ids.clear()
                worker.reassign()
            except Exception as cause:  # noqa: BLE001 - see above
                await self._suspect(place, worker, cause)

    async def _read_singly(self, place: TopicPartition, end: int) -> None:
        """Deliver up to `end` one by one: an error comes out where it lies, and idle logs cost nothing."""
        while await self.consumer.position(place) != end:
            if not await self._deliver(place, wait_ms=_ANSWER_MS, most=1):
                break

    async def _suspect(
        self, place: TopicPartition, worker: PartitionWorker, cause: Exception
    ) -> None:
        """What the broker cannot answer passes; what cannot be decoded never will."""
        if not is_undecodable(cause):
            return
        try:
            at = await self.consumer.position(place)
            until = await next_decodable(self.consumer, place, at)
        except (KafkaError, Unavailable):
            worker.rewind()  # the partition went elsewhere, or the broker is away: nothing is skipped
        else:
            worker.skip_undecodable(at, until, type(cause.__cause__ or cause).__name__)

    async def _watch(self) -> None:
        """Measure lag as log end minus watermark, show progress, and end what does not move."""
        while not is_cancelled():
            await asyncio.sleep(_DISPLAY_EVERY_S)
            try:
                await self.watchdog.end_if_deaf()
                await self._measure()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - a display and a watchdog, both try again
                log.info("lag_unknown", group=self.group, error=type(error).__name__)

    async def _measure(self) -> None:
        if self.workers:
            ends = await self.consumer.end_offsets(list(self.workers))
        else:
            ends = {}
            await self.consumer.topics()  # a process without partitions hears the broker too
        self.watchdog.heard()
        for place, worker in self.workers.items():
            if place in ends:  # else it was assigned in the meantime
                worker.log_end = ends[place]
                worker.note_lag()
        await self.watchdog.look()
        owned = {
            place: worker for place, worker in self.workers.items() if worker.mark or worker.halted
        }
        if not owned:
            return
        reach("group.before_display")
        await self._display(owned)
        if monotonic() >= self._same_until:
            await self._check_topics(
                {place.topic for place, worker in owned.items() if worker.mark}
            )

    async def _display(self, workers: Mapping[TopicPartition, PartitionWorker]) -> None:
        shown = self.shown()
        marks = {place: worker.mark for place, worker in workers.items() if worker.mark}
        if marks:
            await self.consumer.commit({at: (mark.offset, shown) for at, mark in marks.items()})

    async def _check_topics(self, topics: set[str]) -> None:
        """A topic that was removed and made again is another log, which only its id tells."""
        self._same_until = monotonic() + _TOPIC_IDS_EVERY_S
        ids = await self._connection.topic_ids(topics)
        for worker in self.workers.values():
            known = ids.get(worker.log.topic)
            if known is not None and worker.mark is not None and not worker.mark.is_of(known):
                self._topic_ids.clear()
                worker.reassign()


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


def _failed(task: asyncio.Task[str]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
