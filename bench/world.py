"""The environment of the contenders: brokers, and a topic full of facts of different cases."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any, Final
from uuid import UUID, uuid4

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import MongoClient

from deploy.embedded.paths import Home
from deploy.embedded.programs import Wanted
from deploy.embedded.stack import Stack
from shared.contracts import CaseFact, source_of
from shared.contracts.envelope import Envelope, write_envelope
from shared.engine import Connection

__all__ = [
    "FOLLOWED_TOPIC",
    "PARTITIONS",
    "Followed",
    "Happened",
    "World",
    "fact_of",
    "record_of",
    "running",
]

PARTITIONS: Final = 16
FOLLOWED_TOPIC: Final = "bench.out"
"""The topic of the contenders' facts."""

_OPERATIONS_S: Final = 60


Sent = tuple[str, str, bytes, list[tuple[str, bytes]]]
"""A record to send: topic, key, value, headers."""


class Happened(CaseFact):
    """A fact of about 640 bytes with its envelope, like those of the services."""

    type = "bench.happened.v1"
    municipality: str
    number: int
    parties: tuple[UUID, ...]
    filler: str = "x" * 160

    def topic(self) -> str:
        """The topic that contenders read."""
        return "bench.in"


class Followed(CaseFact):
    """The fact that each contender emits for it."""

    type = "bench.told.v1"
    number: int

    def topic(self) -> str:
        """The topic that their relays write."""
        return FOLLOWED_TOPIC


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A running stack, as its administrator reaches it."""

    kafka: dict[str, str]
    mongo: str
    mongod: int
    """Process id of the database."""
    home: Path
    topic: str = "bench.in"
    """What the contenders read."""
    partitions: int = PARTITIONS

    @property
    def connection(self) -> Connection:
        """The connection in the engine's type."""
        return Connection(properties=self.kafka)

    def make_topic(self, name: str, partitions: int) -> None:
        """Create an empty topic, and delete an old one of that name."""
        admin = AdminClient({**self.kafka})
        if name in admin.list_topics(timeout=_OPERATIONS_S).topics:
            admin.delete_topics([name], operation_timeout=_OPERATIONS_S)[name].result()
            while name in admin.list_topics(timeout=_OPERATIONS_S).topics:
                sleep(0.05)
        settings = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
        made = admin.create_topics(
            [NewTopic(name, partitions, 1, config=settings)], operation_timeout=_OPERATIONS_S
        )
        made[name].result()

    def fill(self, topic: str, facts: Iterable[tuple[Happened, int]]) -> None:
        """Write facts, each with its sequence."""
        self.send(record_of(topic, fact, sequence) for fact, sequence in facts)

    def send(self, records: Iterable[Sent]) -> None:
        """Write records (topic, key, value, headers) as fast as the broker takes them."""
        producer = Producer({**self.kafka, "linger.ms": 20, "batch.num.messages": 5000})
        for topic, key, value, headers in records:
            while True:
                try:
                    producer.produce(topic, key=key.encode(), value=value, headers=list(headers))
                    break
                except BufferError:
                    producer.poll(0.05)
        producer.flush()

    def ends(self, topic: str) -> int:
        """Return how many records a topic without deletions holds."""
        consumer = Consumer({**self.kafka, "group.id": "bench-eyes"})
        try:
            known = consumer.list_topics(topic, timeout=_OPERATIONS_S).topics[topic].partitions
            return sum(
                consumer.get_watermark_offsets(TopicPartition(topic, each), timeout=10)[1]
                for each in known
            )
        finally:
            consumer.close()

    def empty(self, *databases: str) -> None:
        """Drop databases of contenders."""
        with self.database_client() as client:
            for database in databases:
                client.drop_database(database)

    def database_client(self) -> "MongoClient[dict[str, Any]]":
        """Return a blocking client, for preparations before a run."""
        return MongoClient(self.mongo, tz_aware=True)


def record_of(topic: str, fact: Happened, sequence: int) -> Sent:
    """A fact as it is written to a topic."""
    envelope = Envelope(
        id=str(uuid4()),
        source=source_of(topic),
        type=fact.type,
        time=datetime.now(UTC),
        subject=fact.subject(),
        sequence=sequence,
    )
    return topic, fact.subject(), fact.write(), write_envelope(envelope)


def fact_of(number: int, case_id: UUID | None = None) -> Happened:
    """A fact of a case of its own, or of a given one."""
    return Happened(
        case_id=case_id or uuid4(),
        municipality="0630",
        number=number,
        parties=(uuid4(), uuid4()),
    )


@contextmanager
def running(*, services: bool = False) -> Iterator[World]:
    """Start Kafka and MongoDB (and the services) in a temporary home; stop them at the end."""
    with TemporaryDirectory(prefix="samraad-bench-") as folder:
        home = Home(root=Path(folder) / "home", cache=Home.from_environment().cache)
        stack = Stack(home)
        stack.up(Wanted(brokers_only=not services), tethered=True)
        try:
            yield World(
                kafka=json.loads((home.secrets / "kafka" / "admin.json").read_text()),
                mongo=(home.secrets / "mongo" / "admin.uri").read_text().strip(),
                mongod=stack.supervision.look()["mongo"].pid,
                home=home.root,
            )
        finally:
            stack.down()
