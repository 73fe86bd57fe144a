"""What comes from the broker and what goes to it, free of any client library."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.contracts.envelope import Envelope, write_envelope
from shared.errors import Rejected

__all__ = ["MAX_RECORD_BYTES", "Message", "Record"]

MAX_RECORD_BYTES = 1_000_000
"""Below the topics' 1 MiB (design.md section 4), with room for the batch around a record."""

_OVERHEAD_PER_HEADER = 8
_HELD_PER_HEADER = 100

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies in a partition; nothing in it is trusted yet."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """LogAppendTime: the broker's clock."""
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def size(self) -> int:
        """Bytes of its content."""
        size = len(self.key or b"") + len(self.value or b"")
        return size + sum(len(name) + len(value or b"") for name, value in self.headers)

    @property
    def held(self) -> int:
        """Bytes that it holds in memory, near enough: empty headers hold much and say nothing."""
        return self.size + _HELD_PER_HEADER * len(self.headers)

    @property
    def taken_at(self) -> datetime:
        """When the broker took it in."""
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)

    @property
    def position(self) -> str:
        """Where it lies: `topic|partition|offset`."""
        return f"{self.topic}|{self.partition}|{self.offset}"


@dataclass(frozen=True, slots=True)
class Message:
    """One record to be: where it goes, under which key, with which envelope around which bytes.

    Raises:
        Rejected: the topic would refuse it for its size. Said before the commit, because a
            message that can never land would hold up the whole outbox.

    """

    topic: str
    key: str
    envelope: Envelope
    value: bytes
    headers: list[tuple[str, bytes]] = field(init=False)
    """The envelope as Kafka headers."""

    def __post_init__(self) -> None:
        """Refuse what the topic would refuse."""
        object.__setattr__(self, "headers", write_envelope(self.envelope))
        size = (
            len(self.key)
            + len(self.value)
            + sum(len(name) + len(value) + _OVERHEAD_PER_HEADER for name, value in self.headers)
        )
        if size > MAX_RECORD_BYTES:
            raise Rejected(f"a message of {size} bytes exceeds what {self.topic} takes")
