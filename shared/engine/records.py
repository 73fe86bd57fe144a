"""Records from the broker and messages to it, independent of any client library."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from shared.contracts import source_of
from shared.contracts.envelope import JSON_CONTENT_TYPE, Envelope, write_envelope
from shared.errors import Rejected

__all__ = ["MAX_RECORD_BYTES", "Message", "Record", "headers_of", "record_row", "row_record"]

MAX_RECORD_BYTES = 1_000_000
"""Below the topics' limit of 1 MiB, with space for the headers of a batch."""

_AROUND = 512
"""Bytes of names, lengths and headers of fixed size, at most."""
_HELD_PER_HEADER = 100

Headers = tuple[tuple[str, bytes | None], ...]


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of a partition. Nothing in it is trusted yet."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """LogAppendTime, by the broker's clock."""
    key: bytes | None
    value: bytes | None
    headers: Headers

    memory_bytes: int = 0
    """Bytes that it takes in memory, roughly. Headers take much, even empty ones."""

    def __post_init__(self) -> None:
        """Compute its size."""
        size = len(self.key or b"") + len(self.value or b"")
        size += len("".join([name for name, _ in self.headers]))
        size += len(b"".join([value for _, value in self.headers if value]))
        force_setattr(self, "memory_bytes", size + _HELD_PER_HEADER * len(self.headers))

    @property
    def size(self) -> int:
        """Bytes of its content."""
        return self.memory_bytes - _HELD_PER_HEADER * len(self.headers)

    @property
    def position(self) -> str:
        """Its place in the log: `topic|partition|offset`."""
        return f"{self.topic}|{self.partition}|{self.offset}"


class Message(msgspec.Struct, gc=False):
    """One record to be published: topic, key, envelope and body.

    Raises:
        Rejected: the topic would refuse it for its size. This is checked before the commit, because
            a message that can never be published would block the whole outbox.

    """

    topic: str
    key: str
    envelope: Envelope
    value: bytes
    trace: str | None = None
    """The `traceparent` of its span, also if its headers have none. It is not published."""
    size: int = 0
    """Bytes of the record, or a little more."""

    def __post_init__(self) -> None:
        """Refuse a message that is too large."""
        envelope = self.envelope
        texts = len(envelope.id) + len(envelope.source) + len(envelope.type) + len(self.key)
        texts += len(envelope.subject or "") + len(envelope.dataschema or "")
        self.size = len(self.value) + texts + _AROUND
        if self.size > MAX_RECORD_BYTES:
            raise Rejected(f"a message of {self.size} bytes exceeds what {self.topic} takes")

    def packed(self) -> dict[str, Any]:
        """Return it as the outbox stores it. The relay writes its headers (`headers_of`)."""
        envelope = self.envelope
        packed = {
            "topic": self.topic,
            "key": self.key,
            "value": self.value,
            "id": envelope.id,
            "type": envelope.type,
            "time": envelope.time,
            "sequence": envelope.sequence,
            "traceparent": envelope.traceparent,
        }
        if envelope.source != source_of(self.topic):
            packed["source"] = envelope.source
        if envelope.subject != self.key:
            packed["subject"] = envelope.subject
        if envelope.content_type != JSON_CONTENT_TYPE:
            packed["content_type"] = envelope.content_type
        if envelope.dataschema is not None:
            packed["dataschema"] = envelope.dataschema
        if self.trace is not None and self.trace != envelope.traceparent:
            packed["trace"] = self.trace
        return packed


def headers_of(packed: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Return the Kafka headers of an outbox message, the same each time."""
    if "headers" in packed:  # written by the version before this one
        return list(packed["headers"].items())
    envelope = Envelope(
        id=packed["id"],
        source=packed.get("source") or source_of(packed["topic"]),
        type=packed["type"],
        time=packed["time"],
        subject=packed.get("subject", packed["key"]),
        content_type=packed.get("content_type", JSON_CONTENT_TYPE),
        sequence=packed["sequence"],
        dataschema=packed.get("dataschema"),
        traceparent=packed["traceparent"],
    )
    return write_envelope(envelope)


def record_row(record: Record, *, state: str, reason: str | None, at: datetime) -> dict[str, Any]:
    """Return a record as a parked row: whole, with its position and the reason."""
    return {
        "_id": record.position,
        "state": state,
        "reason": reason,
        "at": at,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": record.key,
        "value": record.value,
        "headers": [[name, value] for name, value in record.headers],
    }


def row_record(row: Mapping[str, Any]) -> Record:
    """Return the record of a parked row."""
    return Record(
        row["topic"],
        row["partition"],
        row["offset"],
        row["timestamp_ms"],
        row["key"],
        row["value"],
        tuple((name, value) for name, value in row["headers"]),
    )
