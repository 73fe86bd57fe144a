"""The relay: it publishes the outbox to Kafka, oldest first, at least once, in commit order.

Each read starts at the oldest document, in one snapshot. A document is deleted by its id once all its
messages are acknowledged. Within a partition one batch is sent at a time. After a failure nothing
later is sent to that partition: the producer is closed, and a new one starts from the oldest. A crash
between the acknowledgement and the delete repeats the same sequence numbers, which readers drop.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from time import monotonic, time_ns
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from shared.crash_points import reach
from shared.engine.failures.cancellation import is_cancelled
from shared.engine.kafka.connection import Connection
from shared.engine.kafka.partitioner import partition_of
from shared.engine.outbox.missing_topics import MissingTopics
from shared.engine.outbox.producer import IdempotentProducer
from shared.engine.outbox.relay_positions import RelayPositions
from shared.engine.records import headers_of
from shared.engine.store import lease
from shared.engine.store.document import Document
from shared.engine.store.store import Store
from shared.observability import metrics

__all__ = ["Relay"]

_READ_AT_ONCE: Final = 40
"""Documents per read, if the memory budget allows as many; one at least."""
_POLL_S: Final = 0.2
_RENEW_S: Final = lease.LEASE_S / 2.5
_RIVAL_S: Final = 0.5
_PAUSE_S: Final = 0.5

log = structlog.get_logger()

Place = tuple[str, int]


class Relay:
    """Publishes the outbox of one service."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        *,
        holder: str,
        owned_topics: Collection[str] = (),
    ) -> None:
        self.store = store
        self._positions = RelayPositions(store, owned_topics)
        self._holder = holder
        self.producer = IdempotentProducer(connection)
        self._missing = MissingTopics(connection)
        self._renew_at = 0.0

    async def run(self) -> None:
        """Publish until cancelled. A failed step is tried again."""
        watching = asyncio.create_task(self._watch(), name="outbox watch")
        try:
            while not is_cancelled():
                try:
                    await self._step()
                except (PyMongoError, KafkaError, OSError) as error:
                    log.warning("relay_waits", error=type(error).__name__)
                    await self.producer.close()
                    await asyncio.sleep(_PAUSE_S)
                except Exception as error:
                    log.exception("relay_failed", error=type(error).__name__)
                    await self.producer.close()
                    await asyncio.sleep(_PAUSE_S)
        finally:
            watching.cancel()
            await self.producer.close()
            with suppress(PyMongoError):
                await self._positions.save(now=True)

    async def _step(self) -> None:
        if self.store.rollback.closed is not None or not await self._holds_lease():
            await asyncio.sleep(_RIVAL_S)
            return
        self.store.committed.clear()
        absent = self._missing.names
        documents = await self._oldest(absent)
        if documents:
            reach("relay.after_read")
            await self._publish(documents, absent)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):  # wait_for may swallow a cancellation
                    await self.store.committed.wait()

    async def _holds_lease(self) -> bool:
        if monotonic() < self._renew_at:
            return True
        loaded = await lease.acquire(self.store, "relay", self._holder)
        self._renew_at = monotonic() + _RENEW_S if loaded else 0.0
        return loaded

    async def _oldest(self, absent: Sequence[str]) -> list[Document]:
        """Return the oldest documents, without those that only wait for absent topics."""
        elsewhere = {"messages": {"$elemMatch": {"topic": {"$nin": list(absent)}}}}
        async with self.store.client.start_session(snapshot=True) as session:
            outbox = self.store.reads.raw("outbox")
            found = outbox.find(elsewhere if absent else {}, session=session)
            oldest = found.sort("at", 1).limit(_READ_AT_ONCE)
            return (await self.store.reads.decode_up_to(self.store.budget.relayed, oldest))[0]

    async def _publish(self, documents: Sequence[Document], absent: Sequence[str]) -> None:
        producer = await self.producer.open()
        # a topic that appears meanwhile waits for the next read: its oldest may not be loaded
        partitions: dict[str, list[int] | None] = dict.fromkeys(absent)
        places: dict[Place, list[Mapping[str, Any]]] = {}
        broken: dict[str, Exception] = {}
        placed: list[list[Place]] = []
        for document in documents:
            places_of: list[Place] = []
            for message in document["messages"]:
                place = await self._place(producer, message, partitions)
                places_of.append(place)
                places.setdefault(place, []).append(message)
            placed.append(places_of)
        sent = await asyncio.gather(
            *(self._send(producer, place, each, broken) for place, each in places.items())
        )
        failed = {place for place, went in zip(places, sent, strict=True) if not went}
        done = [
            document["_id"]
            for document, went in zip(documents, placed, strict=True)
            if failed.isdisjoint(went)
        ]
        if done:
            reach("relay.after_ack")
            await self.store.db.outbox.delete_many({"_id": {"$in": done}})
            reach("relay.after_delete")
            await self._positions.save()
        if failed:
            await self._after_failure(documents, placed, failed, broken)

    async def _after_failure(
        self,
        documents: Sequence[Document],
        placed: Sequence[Sequence[Place]],
        failed: set[Place],
        broken: Mapping[str, Exception],
    ) -> None:
        """Keep the messages that were not acknowledged; park those whose topic is gone."""
        stopped = any(partition >= 0 for _, partition in failed)
        if stopped:
            await self.producer.close()
        gone = {topic for topic, _ in failed if await self._is_gone(topic, broken.get(topic))}
        for document, went in zip(documents, placed, strict=True):
            left = [
                message
                for message, place in zip(document["messages"], went, strict=True)
                if place in failed
            ]
            if left:
                reach("relay.before_keeping_rest")
                await self._keep(document, left, gone)
        if stopped:
            await asyncio.sleep(_PAUSE_S)

    async def _is_gone(self, topic: str, error: Exception | None) -> bool:
        """Whether a partner's topic was removed. Topics of facts never are: those wait for an operator."""
        if not topic.startswith("partner."):
            return False
        refused = isinstance(error, TopicAuthorizationFailedError)
        return refused or await self._missing.is_gone(topic)

    async def _place(
        self,
        producer: AIOKafkaProducer,
        message: Mapping[str, Any],
        known: dict[str, list[int] | None],
    ) -> Place:
        topic: str = message["topic"]
        if topic not in known:
            known[topic] = await self._missing.partitions(producer, topic)
        partitions = known[topic]
        if partitions is None:
            return topic, -1
        return topic, partition_of(message["key"].encode(), partitions)

    async def _send(
        self,
        producer: AIOKafkaProducer,
        place: Place,
        messages: Sequence[Mapping[str, Any]],
        broken: dict[str, Exception],
    ) -> bool:
        """Send one partition's messages, a batch at a time. False if one was not acknowledged."""
        topic, partition = place
        if partition < 0:
            return False
        waiting, began = list(messages), time_ns()
        try:
            while waiting:
                batch = producer.create_batch()
                taken = 0
                for message in waiting:
                    if (
                        batch.append(
                            key=message["key"].encode(),
                            value=bytes(message["value"]),
                            timestamp=None,
                            headers=headers_of(message),
                        )
                        is None
                    ):
                        break
                    taken += 1
                batch.close()
                landed = await producer.send_batch(batch, topic, partition=partition)
                reach("relay.after_send")
                landed_at = await landed
                self._positions.note(place, landed_at.offset + taken)
                metrics.published(topic, taken)
                if self.store.tracing is not None:
                    self.store.tracing.tell_published(waiting[:taken], began)
                del waiting[:taken]
        except KafkaError as error:
            log.warning("send_failed", topic=topic, error=type(error).__name__)
            broken[topic] = error
            return False
        return True

    async def _keep(
        self, document: Document, left: Sequence[Mapping[str, Any]], gone: set[str]
    ) -> None:
        """Leave unsent messages in the outbox, and park those whose topic is gone."""
        lost = [message for message in left if message["topic"] in gone]
        kept = [message for message in left if message["topic"] not in gone]
        if len(kept) == len(document["messages"]):
            return

        async def step(session: AsyncClientSession) -> None:
            here = {"_id": document["_id"]}
            if lost:
                row = {
                    "_id": f"outbox|{document['_id']}",
                    "state": "undeliverable",
                    "reason": "the topic is gone, or we may not write to it",
                    "at": self.store.clock(),
                    "topic": lost[0]["topic"],
                    "messages": lost,
                }
                parked = {"_id": row["_id"]}
                await self.store.db.parked.replace_one(parked, row, upsert=True, session=session)
            if kept:
                rest = {"$set": {"messages": kept}}
                await self.store.db.outbox.update_one(here, rest, session=session)
            else:
                await self.store.db.outbox.delete_one(here, session=session)

        await self.store.persist(step)
        if lost:
            log.error("message_undeliverable", topic=lost[0]["topic"], messages=len(lost))

    async def _watch(self) -> None:
        """Wake the relay when another process commits. This only saves time: the relay polls as well."""
        while not is_cancelled():
            try:
                inserts: list[dict[str, Any]] = [
                    {"$match": {"operationType": "insert"}},
                    {"$project": {"_id": 1}},
                ]
                async with await self.store.db.outbox.watch(inserts) as changes:
                    async for _ in changes:
                        self.store.committed.set()
                        if is_cancelled():
                            return
            except PyMongoError:
                await asyncio.sleep(1)
