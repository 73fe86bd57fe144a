"""What every contender gets: brokers of its own, a topic full of facts of different cases."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any, Final
from uuid import UUID, uuid4

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import MongoClient

from deploy.embedded.paths import Home
from deploy.embedded.programs import Wanted
from deploy.embedded.stack import Stack
from shared.contracts import CaseFact, source_of
from shared.contracts.envelope import Envelope, write_envelope
from shared.engine import Connection

__all__ = ["PARTITIONS", "Happened", "Told", "World", "brokers"]

PARTITIONS: Final = 16


class Happened(CaseFact):
    """A fact of about 640 bytes with its envelope, as the services tell them."""

    type = "bench.happened.v1"
    municipality: str
    number: int
    parties: tuple[UUID, ...]
    filler: str = "x" * 160

    def topic(self) -> str:
        """Where the contenders read."""
        return "bench.in"


class Told(CaseFact):
    """What each contender tells of it."""

    type = "bench.told.v1"
    number: int

    def topic(self) -> str:
        """Where their relays write."""
        return "bench.out"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Running brokers, as an administrator reaches them."""

    kafka: dict[str, str]
    mongo: str

    @property
    def connection(self) -> Connection:
        """The broker in the engine's words."""
        return Connection(properties=self.kafka)

    def topic(self, name: str, partitions: int) -> None:
        """Make a topic anew, empty."""
        admin = AdminClient({**self.kafka})
        if name in admin.list_topics(timeout=10).topics:
            admin.delete_topics([name])[name].result()
            while name in admin.list_topics(timeout=10).topics:
                sleep(0.05)
        settings = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}
        made = admin.create_topics([NewTopic(name, partitions, 1, config=settings)])
        made[name].result()

    def fill(self, topic: str, events: int) -> None:
        """Write as many facts, each of a case of its own."""
        producer = Producer({**self.kafka, "linger.ms": 20, "batch.num.messages": 5000})
        for number in range(events):
            fact = Happened(
                case_id=uuid4(), municipality="0630", number=number, parties=(uuid4(), uuid4())
            )
            envelope = Envelope(
                id=str(uuid4()),
                source=source_of(topic),
                type=fact.type,
                time=datetime.now(UTC),
                subject=fact.subject(),
                sequence=1,
            )
            while True:
                try:
                    producer.produce(
                        topic,
                        key=fact.subject().encode(),
                        value=fact.write(),
                        headers=list(write_envelope(envelope)),
                    )
                    break
                except BufferError:
                    producer.poll(0.05)
        producer.flush()

    def empty(self, database: str) -> None:
        """Drop a contender's database."""
        client: MongoClient[dict[str, Any]] = MongoClient(self.mongo)
        client.drop_database(database)
        client.close()


@contextmanager
def brokers() -> Iterator[World]:
    """Start Kafka and MongoDB in a temporary home; stop them at the end."""
    with TemporaryDirectory(prefix="samraad-bench-") as folder:
        home = Home(root=Path(folder) / "home", cache=Home.from_environment().cache)
        stack = Stack(home)
        stack.up(Wanted(brokers_only=True), tethered=True)
        try:
            yield World(
                kafka=json.loads((home.secrets / "kafka" / "admin.json").read_text()),
                mongo=(home.secrets / "mongo" / "admin.uri").read_text().strip(),
            )
        finally:
            stack.down()
