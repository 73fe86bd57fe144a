"""The scan of the service's own topics for facts that its store does not know."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts import source_of
from shared.contracts.envelope import EnvelopeRefused, read_envelope
from shared.engine.kafka.connection import Connection
from shared.engine.limits.bounded_decompression import bound_decompression
from shared.engine.outbox import relay_positions
from shared.engine.rollback import republished
from shared.engine.store.store import Store
from shared.errors import Unavailable

__all__ = ["TopicScan", "UnknownFacts"]

_POLL_MS: Final = 2_000
_AT_ONCE: Final = 2_000
_UNANSWERED: Final = 5

Place = tuple[str, int]
Sent = tuple[str, datetime | None, str]
"""A fact's digest, the time of its envelope, and its type."""


@dataclass
class UnknownFacts:
    """Facts of one subject in one stream that the store does not know."""

    subject: str
    source: str
    topic: str
    facts: dict[int, Sent] = field(default_factory=dict)
    """By sequence number."""


class TopicScan:
    """Scans the topics that one service alone writes."""

    def __init__(self, store: Store, topics: Mapping[str, str]) -> None:
        self.store = store
        self.topics = topics
        """Each with the collection whose documents count its sequence numbers."""

    async def compare(self, connection: Connection) -> tuple[list[UnknownFacts], dict[Place, int]]:
        """Read the topics from the stored relay positions. Returns unknown facts, and the topics' ends.

        Raises:
            Unavailable: the broker does not answer.

        """
        ends = await connection.ends(self.topics)
        noted = {
            (row["topic"], row["partition"]): row["offset"]
            async for row in self.store.db[relay_positions.COLLECTION].find()
        }
        unread = {}
        for place, (start, end) in ends.items():
            at = noted.get(place, 0)
            at = start if at > end else max(start, at)  # beyond the end: the topic is a new one
            if at < end:
                unread[place] = (at, end)
        unknown: dict[str, UnknownFacts] = {}
        if unread:
            async for records in _read(connection, unread):
                await self._note_unknown(records, unknown)
        return list(unknown.values()), {place: end for place, (_, end) in ends.items() if end}

    async def _note_unknown(self, records: Sequence[Any], unknown: dict[str, UnknownFacts]) -> None:
        by_topic: dict[str, list[tuple[str, str, int, Sent]]] = {}
        for record in records:
            try:
                envelope = read_envelope(record.headers)
            except EnvelopeRefused:
                continue  # no reader takes it for a fact of ours
            if envelope.sequence is None or not envelope.subject:
                continue
            sent = (
                republished.digest(envelope.type, record.value or b""),
                envelope.time,
                envelope.type,
            )
            by_topic.setdefault(record.topic, []).append(
                (envelope.subject, envelope.source, envelope.sequence, sent)
            )
        for topic, facts in by_topic.items():
            counts = await self.counts(topic, {subject for subject, *_ in facts})
            for subject, source, sequence, sent in facts:
                if sequence > counts.get(subject, 0):
                    key = republished.row_id(source, subject)
                    one = unknown.setdefault(key, UnknownFacts(subject, source, topic))
                    one.facts.setdefault(sequence, sent)

    async def counts(self, topic: str, subjects: Collection[str]) -> dict[str, int]:
        """Return the last number that the store has given out, per subject."""
        stream = source_of(topic)
        found = self.store.db[self.topics[topic]].find(
            {"_id": {"$in": list(subjects)}}, {"protocol.sequences": 1}
        )
        return {
            row["_id"]: row.get("protocol", {}).get("sequences", {}).get(stream, 0)
            async for row in found
        }


@asynccontextmanager
async def _reader(connection: Connection) -> AsyncIterator[AIOKafkaConsumer]:
    bound_decompression()
    consumer = AIOKafkaConsumer(
        **connection.aiokafka, enable_auto_commit=False, auto_offset_reset="none"
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _read(
    connection: Connection, unread: Mapping[Place, tuple[int, int]]
) -> AsyncIterator[list[Any]]:
    """Yield the records of these ranges, some at a time. It joins no consumer group."""
    left = {TopicPartition(*place): end for place, (_, end) in unread.items()}
    async with _reader(connection) as consumer:
        consumer.assign(list(left))
        for place in left:
            consumer.seek(place, unread[place.topic, place.partition][0])
        unanswered = 0
        while left:
            polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_AT_ONCE)
            unanswered = 0 if polled else unanswered + 1
            if unanswered == _UNANSWERED:
                raise Unavailable("the broker does not deliver our own topics")
            for place, records in polled.items():
                yield [record for record in records if record.offset < left.get(place, 0)]
            for place in list(left):
                if await consumer.position(place) >= left[place]:
                    consumer.pause(place)
                    del left[place]
