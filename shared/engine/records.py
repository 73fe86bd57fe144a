"""What comes from the broker and what goes to it, free of any client library."""

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
"""Below the topics' 1 MiB (design.md section 4), with room for the batch around a record."""

_AROUND = 512
"""Names, lengths and the headers of fixed size, in bytes, at most."""
_HELD_PER_HEADER = 100

Headers = tuple[tuple[str, bytes | None], ...]


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record as it lies in a partition; nothing in it is trusted yet."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """LogAppendTime: the broker's clock."""
    key: bytes | None
    value: bytes | None
    headers: Headers

    memory_bytes: int = 0
    """Bytes that it holds in memory, near enough: empty headers hold much and say nothing."""

    def __post_init__(self) -> None:
        """Weigh it."""
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
        """Where it lies: `topic|partition|offset`."""
        return f"{self.topic}|{self.partition}|{self.offset}"


class Message(msgspec.Struct, gc=False):
    """One record to be: where it goes, under which key, with which envelope around which bytes.

    Raises:
        Rejected: the topic would refuse it for its size. Said before the commit, because a
            message that can never land would hold up the whole outbox.

    """

    topic: str
    key: str
    envelope: Envelope
    value: bytes
    trace: str | None = None
    """The step that told it, also where its headers say none: for our own eyes."""
    size: int = 0
    """Bytes that it takes, or a little more."""

    def __post_init__(self) -> None:
        """Refuse what the topic would refuse."""
        envelope = self.envelope
        said = len(envelope.id) + len(envelope.source) + len(envelope.type) + len(self.key)
        said += len(envelope.subject or "") + len(envelope.dataschema or "")
        self.size = len(self.value) + said + _AROUND
        if self.size > MAX_RECORD_BYTES:
            raise Rejected(f"a message of {self.size} bytes exceeds what {self.topic} takes")

    def packed(self) -> dict[str, Any]:
        """As it waits in the outbox: its headers are written when it is sent (`headers_of`)."""
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
    """The Kafka headers of a message that waited in the outbox, every time the same."""
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
    """A record as a parked row: whole, with its position and the reason."""
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
    """The record that a parked row keeps."""
    return Record(
        row["topic"],
        row["partition"],
        row["offset"],
        row["timestamp_ms"],
        row["key"],
        row["value"],
        tuple((name, value) for name, value in row["headers"]),
    )
