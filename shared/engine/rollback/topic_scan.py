"""The service's own topics beside its store: which facts were told that the store does not know."""

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
Said = tuple[str, datetime | None, str]
"""A fact's digest, when it was told, and its type."""


@dataclass
class UnknownFacts:
    """Facts of one subject in one stream that the store does not know."""

    subject: str
    source: str
    topic: str
    facts: dict[int, Said] = field(default_factory=dict)


class TopicScan:
    """The topics that one service alone writes."""

    def __init__(self, store: Store, topics: Mapping[str, str]) -> None:
        self.store = store
        self.topics = topics
        """Each with the collection whose documents count its numbers."""

    async def compare(self, connection: Connection) -> tuple[list[UnknownFacts], dict[Place, int]]:
        """Read the own topics from where the store remembers to have told them."""
        ends = await connection.ends(self.topics)
        noted = {
            (row["topic"], row["partition"]): row["offset"]
            async for row in self.store.db[relay_positions.COLLECTION].find()
        }
        unread = {}
        for place, (start, end) in ends.items():
            at = noted.get(place, 0)
            at = start if at > end else max(start, at)  # beyond the end: the topic was made anew
            if at < end:
                unread[place] = (at, end)
        lost: dict[str, UnknownFacts] = {}
        if unread:
            async for records in _read(connection, unread):
                await self._note_unknown(records, lost)
        return list(lost.values()), {place: end for place, (_, end) in ends.items() if end}

    async def _note_unknown(self, records: Sequence[Any], lost: dict[str, UnknownFacts]) -> None:
        told: dict[str, list[tuple[str, str, int, Said]]] = {}
        for record in records:
            try:
                envelope = read_envelope(record.headers)
            except EnvelopeRefused:
                continue  # nobody can have taken it for a fact of ours
            if envelope.sequence is None or not envelope.subject:
                continue
            said = (
                republished.digest(envelope.type, record.value or b""),
                envelope.time,
                envelope.type,
            )
            told.setdefault(record.topic, []).append(
                (envelope.subject, envelope.source, envelope.sequence, said)
            )
        for topic, facts in told.items():
            counts = await self.counts(topic, {subject for subject, *_ in facts})
            for subject, source, sequence, said in facts:
                if sequence > counts.get(subject, 0):
                    key = republished.row_id(source, subject)
                    one = lost.setdefault(key, UnknownFacts(subject, source, topic))
                    one.facts.setdefault(sequence, said)

    async def counts(self, topic: str, subjects: Collection[str]) -> dict[str, int]:
        """The last number that the store knows to have given out, per subject."""
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
    """Give what lies in these stretches, some at a time; joins no group."""
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
                raise Unavailable("the broker does not give our own topics")
            for place, records in polled.items():
                yield [record for record in records if record.offset < left.get(place, 0)]
            for place in list(left):
                if await consumer.position(place) >= left[place]:
                    consumer.pause(place)
                    del left[place]
