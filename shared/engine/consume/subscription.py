"""A subscription: one member of a consumer group, with a worker for each of its partitions.

FastStream declares the topics, joins the group and holds the connection; it calls no handler and
acknowledges nothing. Offsets committed to Kafka only show progress in operators' tools: they are
written late, failures are ignored, and the engine never reads them.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from time import monotonic
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from shared.crash_points import reach
from shared.engine.consume import offset_store
from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.health_probe import HealthProbe
from shared.engine.consume.offset_store import Head
from shared.engine.consume.partition_worker import PartitionWorker
from shared.engine.consume.poll import Poll
from shared.engine.consume.processor import Processor
from shared.engine.consume.topic_ids import TopicIds
from shared.engine.consume.watchdog import Watchdog
from shared.engine.failures.cancellation import is_cancelled
from shared.engine.kafka.connection import Partition
from shared.engine.kafka.connection_errors import name_broken_connections
from shared.engine.limits.bounded_decompression import bound_decompression
from shared.engine.limits.memory_budget import Pool

__all__ = ["Subscription"]

_LARGEST_BATCH: Final = 1024 * 1024
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
        heads: Mapping[str, Head] | None = None,
    ) -> None:
        self.topics = topics
        self.pattern = pattern
        self.heads = heads or {}
        """What the beginning of a topic's logs is; whole by default."""
        self.processor = processor
        self.group = group
        self.workers: dict[TopicPartition, PartitionWorker] = {}
        self.shown: Callable[[], str] = str
        """Returns the metadata that the broker keeps beside our offsets; see `RollbackDetector`."""
        self._poll: Poll | None = None
        self._same_until = 0.0
        self._tasks: list[asyncio.Task[None]] = []

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
        """Register with FastStream. Nothing is read before `start`.

        Args:
            broker: FastStream's broker.
            committer: commits the workers' batches.
            turns: limits how many workers of the process commit at once.
            pool: the memory that all workers of the process share.
            fetched: bytes that the client fetches at once.
            instance: the member's name in the group (static membership).
            health_probe: asks broker and database with new connections.
            end: ends a process that makes no progress.

        """
        bound_decompression()
        name_broken_connections()
        self._committer = committer
        self._turns = turns
        self._pool = pool
        self._topic_ids = TopicIds(health_probe.connection)
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
    def trouble(self) -> str | None:
        """Why nothing can be read at present, in one sentence."""
        return None if self._poll is None else self._poll.trouble

    @property
    def silent_s(self) -> float:
        """Seconds since the broker last answered. It is asked every other second."""
        return max(0.0, self.watchdog.silent_s - _DISPLAY_EVERY_S)

    def start(self) -> None:
        """Begin to poll. The broker must be started."""
        self._poll = Poll(
            self.group, self.consumer, self.workers, pool=self._pool, topic_ids=self._topic_ids
        )
        self._tasks = [
            asyncio.create_task(self._poll.run(), name=f"{self.group} poll"),
            asyncio.create_task(self._watch(), name=f"{self.group} watch"),
        ]

    async def stands_at_end(self, topic: str) -> bool:
        """Whether every event that a topic of one partition holds now has had its effect.

        Any process of the service may ask, also one that does not read the partition itself.

        Raises:
            KafkaError, Unavailable: broker or database do not answer.

        """
        place = TopicPartition(topic, 0)
        end = (await self.consumer.end_offsets([place]))[place]
        worker = self.workers.get(place)
        if worker is not None:
            return worker.mark is not None and worker.mark.offset >= end
        topic_id = await self._topic_ids.id_of(topic)
        head = self.heads.get(topic, Head.WHOLE)
        mark = await offset_store.stored(self._committer.store, topic_id, 0, head)
        return mark is not None and mark >= end

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
        """Finish the batches in flight on the partitions that are revoked."""
        await self._leave([place for place in revoked if place in self.workers])
        reach("group.revoked")

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Start a worker for each partition; it takes the watermark by itself."""
        self._topic_ids.forget()
        consumer = self._subscriber.consumer
        for place in assigned:
            partition = Partition(consumer, place, self._topic_ids.id_of)
            head = self.heads.get(place.topic, Head.WHOLE)
            worker = PartitionWorker(partition, self._committer, self._turns, self._pool, head)
            self.workers[place] = worker
            worker.start()
        reach("group.assigned")

    async def _leave(self, places: Iterable[TopicPartition]) -> None:
        leaving = [self.workers.pop(place) for place in list(places)]
        await asyncio.gather(*(worker.leave() for worker in leaving))

    async def _watch(self) -> None:
        """Measure lag as log end minus watermark, commit offsets for display, and run the watchdog."""
        while not is_cancelled():
            await asyncio.sleep(_DISPLAY_EVERY_S)
            try:
                await self.watchdog.end_if_silent()
                await self._measure()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - both are tried again
                log.info("lag_unknown", group=self.group, error=type(error).__name__)

    async def _measure(self) -> None:
        if self.workers:
            ends = await self.consumer.end_offsets(list(self.workers))
        else:
            ends = {}
            await self.consumer.topics()  # a process without partitions asks the broker too
        self.watchdog.heard()
        for place, worker in self.workers.items():
            if place in ends:  # else it was assigned in the meantime
                worker.note_log_end(ends[place])
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
        """Take partitions again whose topic was removed and created again: only its id differs."""
        self._same_until = monotonic() + _TOPIC_IDS_EVERY_S
        ids = await self._topic_ids.current(topics)
        for worker in self.workers.values():
            known = ids.get(worker.log.topic)
            if known is not None and worker.mark is not None and not worker.mark.is_of(known):
                self._topic_ids.forget()
                worker.reassign()
