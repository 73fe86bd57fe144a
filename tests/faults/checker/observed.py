"""What the outside can see: every record on every topic, every document in every database.

Read with the inspector's logins, which `samraad status --json` names. It can be written to a file
and read back, so that a run can be judged again later.
"""

import base64
import json
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bson import json_util
from confluent_kafka import Consumer, KafkaException, TopicPartition
from pymongo import MongoClient

__all__ = ["Observed", "SeenRecord", "inspect", "inspector_login", "read_status"]

_PATIENCE_S: Final = 30.0
_HIDDEN: Final = {"sealed": 0, "value": 0}


@dataclass(frozen=True, slots=True)
class SeenRecord:
    """A record as it lies on its topic."""

    topic: str
    partition: int
    offset: int
    key: str | None
    headers: dict[str, str]
    value: str
    """Base64, so that any byte survives the file."""
    at_ms: int = 0
    """When the broker took it in, by its own clock."""

    @property
    def body(self) -> dict[str, Any]:
        """The value as JSON."""
        read: dict[str, Any] = json.loads(base64.b64decode(self.value))
        return read

    @property
    def type(self) -> str:
        """Its `ce_type`."""
        return self.headers.get("ce_type", "")

    @property
    def subject(self) -> str:
        """Its `ce_subject`."""
        return self.headers.get("ce_subject", "")

    @property
    def source(self) -> str:
        """Its `ce_source`."""
        return self.headers.get("ce_source", "")

    @property
    def sequence(self) -> int | None:
        """Its place in its stream and subject, where it has one."""
        text = self.headers.get("ce_sequence")
        return None if text is None else int(text)

    @property
    def place(self) -> str:
        """For people: where it lies."""
        return f"{self.topic}[{self.partition}]@{self.offset}"

    def same_as(self, other: "SeenRecord") -> bool:
        """Whether both are the same message, wherever they lie."""
        return (self.key, self.headers, self.value) == (other.key, other.headers, other.value)


@dataclass(slots=True)
class Observed:
    """One look at a stack."""

    records: list[SeenRecord] = field(default_factory=list)
    ends: dict[str, dict[str, int]] = field(default_factory=dict)
    """Per topic and partition, the next offset to be written."""
    databases: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    """Per service and collection, its documents, without what they hold sealed."""

    def documents(self, service: str, collection: str) -> list[dict[str, Any]]:
        """Return a collection's documents."""
        return self.databases.get(service, {}).get(collection, [])

    def by_id(self, service: str, collection: str) -> dict[str, dict[str, Any]]:
        """Return a collection's documents by their ids."""
        return {document["_id"]: document for document in self.documents(service, collection)}

    def write(self, path: Path) -> None:
        """Keep it."""
        path.write_text(json_util.dumps(asdict(self), indent=0), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Observed":
        """Read what `write` kept."""
        kept = json_util.loads(path.read_text(encoding="utf-8"))
        return cls(
            [SeenRecord(**each) for each in kept["records"]], kept["ends"], kept["databases"]
        )


def read_status(command: Iterable[str], environment: dict[str, str] | None = None) -> Any:
    """Ask `samraad status --json`."""
    asked = [*command, "status", "--json"]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def inspector_login(status: Any) -> dict[str, Any]:
    """Return the inspector's way to the broker, in librdkafka's words."""
    kafka = status["kafka"]
    return {
        "bootstrap.servers": kafka["bootstrap"],
        "security.protocol": kafka["security_protocol"],
        "sasl.mechanism": kafka["sasl_mechanism"],
        "sasl.username": kafka["inspector"]["username"],
        "sasl.password": Path(kafka["inspector"]["password_file"]).read_text("utf-8").strip(),
    }


def inspect(
    status: Any,
    *,
    services: Iterable[str],
    topics: Iterable[str] | None = None,
    collections: Iterable[str] | None = None,
    since: Observed | None = None,
) -> Observed:
    """Read topics from beginning to end, all where none is named, and the services' collections.

    `since` spares reading again what an earlier look saw: a log only grows at its end.
    """
    seen = Observed()
    if since is not None:
        seen.records = list(since.records)
        seen.ends = {topic: dict(ends) for topic, ends in since.ends.items()}
    _read_topics(inspector_login(status), seen, None if topics is None else set(topics))
    uri = Path(status["mongo"]["inspector_uri_file"]).read_text("utf-8").strip()
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        for service in services:
            database = client[service]
            names = sorted(set(database.list_collection_names()) - {"keys"})
            if collections is not None:
                names = sorted({*names} & {*collections})
            seen.databases[service] = {
                name: list(database[name].find({}, _HIDDEN)) for name in names
            }
    return seen


def _read_topics(login: dict[str, Any], seen: Observed, wanted: set[str] | None) -> None:
    consumer = Consumer(
        {
            **login,
            "group.id": "inspector.checker",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": False,
            "fetch.wait.max.ms": 10,  # one partition after the other: no fetch may linger
            "log_level": 0,
        }
    )
    try:
        topics = consumer.list_topics(timeout=_PATIENCE_S).topics
        for name in sorted(topics):
            if name.startswith("__") or (wanted is not None and name not in wanted):
                continue
            for partition in topics[name].partitions:
                _read_partition(consumer, TopicPartition(name, partition), seen)
    finally:
        consumer.close()


def _read_partition(consumer: Consumer, place: TopicPartition, seen: Observed) -> None:
    start, end = consumer.get_watermark_offsets(place, timeout=_PATIENCE_S)
    known = seen.ends.setdefault(place.topic, {})
    start = max(start, known.get(str(place.partition), 0))
    known[str(place.partition)] = end
    if start >= end:
        return
    consumer.assign([TopicPartition(place.topic, place.partition, start)])
    until = time.monotonic() + _PATIENCE_S
    at = start
    while at < end:
        for message in consumer.consume(num_messages=min(500, end - at), timeout=1.0):
            if message.error() is not None:
                raise KafkaException(message.error())
            offset = int(message.offset() or 0)
            at = offset + 1
            if offset < end:
                seen.records.append(_record(message))
        if time.monotonic() > until:
            raise TimeoutError(f"{place.topic}[{place.partition}] was not read to its end")
    consumer.unassign()


def _record(message: Any) -> SeenRecord:
    key, value = message.key(), message.value()
    return SeenRecord(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        key=None if key is None else key.decode("utf-8", "backslashreplace"),
        headers={
            name: (content or b"").decode("utf-8", "backslashreplace")
            for name, content in message.headers() or []
        },
        value=base64.b64encode(value or b"").decode("ascii"),
        at_ms=int(message.timestamp()[1]),
    )
