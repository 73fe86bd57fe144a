"""A partner's side of the interface: sends sealed letters, and reads the replies.

It uses the credentials file only, and no other right.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import uuid4

import httpx
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)

from cli.identity import Credentials
from cli.reach import Exit, greet, quiet, stop, web
from deploy.embedded.paths import Home
from shared.contracts.envelope import (
    LETTER_CONTENT_TYPE,
    REPORT_SUBMITTED,
    Envelope,
    EnvelopeRefused,
    partner_source,
    read_envelope,
    write_envelope,
)
from shared.contracts.receipts import ReportAccepted, ReportRejected, ReportRouted
from shared.observability.tracing import REFERENCE, TraceFile, Tracing, reference_mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from confluent_kafka import Message

__all__ = ["Answer", "Letterbox", "Replies", "consumed", "fetch_key", "headers_of"]

_PATIENCE: Final = 30.0
"""Seconds until the broker must have accepted a letter or returned an offset."""
_CALLBACKS: Final = 5.0
"""Further seconds for the delivery callbacks."""
_AT_ONCE: Final = 500

_STATUS: Final = {
    ReportAccepted.type: "accepted",
    ReportRejected.type: "rejected",
    ReportRouted.type: "routed",
}


def seal_key(jwks_url: str) -> dict[str, Any]:
    """Fetch the public key to seal letters with: the first suitable one of intake.

    Raises:
        httpx.HTTPError: there is no answer, or an error.
        LookupError: there is no suitable key.

    """
    with web(jwks_url) as client:
        answer = client.get(jwks_url)
    answer.raise_for_status()
    for key in answer.json().get("keys", []):
        if key.get("kty") == "EC" and key.get("crv") == "P-256" and key.get("kid"):
            found: dict[str, Any] = key
            return found
    raise LookupError("there is no key to seal with")


@dataclass(frozen=True, slots=True)
class Answer:
    """One record of a partner's replies."""

    reference: str
    status: str
    """`accepted`, `rejected`, `routed`, or the event type of an unknown reply."""
    event_id: str
    event_type: str
    at: datetime
    case_id: str | None = None
    errors: tuple[Mapping[str, str], ...] = ()

    @classmethod
    def of(cls, message: Message) -> Self | None:
        """Read a reply; None if the record is not a reply."""
        try:
            envelope = read_envelope(headers_of(message))
            body = json.loads(message.value() or b"{}")
        except (EnvelopeRefused, ValueError):
            return None
        return cls(
            reference=envelope.subject or "",
            status=_STATUS.get(envelope.type, envelope.type),
            event_id=envelope.id,
            event_type=envelope.type,
            at=datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
            case_id=body.get("case_id"),
            errors=tuple(body.get("errors") or ()),
        )

    def case_shown(self, name: str) -> str:
        """Return the case for a table: its name, or that the report is in triage."""
        return "in triage" if self.status == "accepted" and self.case_id is None else name

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON for programs."""
        return {
            "reference": self.reference,
            "status": self.status,
            "case_id": self.case_id,
            "errors": [dict(error) for error in self.errors],
            "ce_id": self.event_id,
            "ce_type": self.event_type,
            "at": self.at.isoformat().replace("+00:00", "Z"),
        }


class Letterbox:
    """Sends a partner's sealed letters."""

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self.refused: list[KafkaError] = []
        settings: dict[str, Any] = {
            **credentials.kafka,
            "client.id": f"samraad-{credentials.partner}",
            "enable.idempotence": True,
            "message.timeout.ms": int(_PATIENCE * 1000),
            "error_cb": self.refused.append,
        }
        self._producer = Producer(settings, logger=quiet())
        self._tracing = _tracing(Home.from_environment())

    def greet(self) -> None:
        """Return once the broker has accepted the login and shows the topic, or end the command."""
        topic = self.credentials.topics["reports"]
        metadata = greet(self._producer, self.credentials.kafka, self.refused, topic)
        if metadata.topics[topic].error is not None:
            stop(f"The broker shows this login no topic {topic}.", Exit.REFUSED)

    def post(
        self,
        sealed: bytes,
        reference: str | None,
        done: Callable[[KafkaError | None, Message], None],
    ) -> None:
        """Give a letter to the client; `serve` or `close` calls `done` with the outcome."""
        trace, span = None, None
        if self._tracing is not None:
            about = {"messaging.destination.name": self.credentials.topics["reports"]}
            if reference is not None:
                about[REFERENCE] = reference_mark(reference)
            trace, span = self._tracing.begin(None, "send letter", "producer", about)

        def over(error: KafkaError | None, message: Message) -> None:
            if self._tracing is not None and span is not None and error is None:
                self._tracing.tell([span])
            done(error, message)

        envelope = Envelope(
            id=str(uuid4()),
            source=partner_source(self.credentials.partner),
            type=REPORT_SUBMITTED,
            time=datetime.now(UTC),
            subject=reference,
            content_type=LETTER_CONTENT_TYPE,
            traceparent=trace,
        )
        while True:
            try:
                self._producer.produce(
                    self.credentials.topics["reports"],
                    key=reference,
                    value=sealed,
                    headers=[*write_envelope(envelope)],
                    on_delivery=over,
                )
            except BufferError:
                self._producer.poll(1)
            else:
                return

    def serve(self, seconds: float = 0) -> None:
        """Let the client call the delivery callbacks."""
        self._producer.poll(seconds)

    def close(self) -> int:
        """Wait for all deliveries; return how many are still undecided."""
        return int(self._producer.flush(_PATIENCE + _CALLBACKS))


def _tracing(home: Home) -> Tracing | None:
    """Return the tracing of the sending partner; None if the stack writes no traces."""
    if not home.traces.is_dir():
        return None
    return Tracing([TraceFile(home.traces, service="partner", process="partners")])


@dataclass
class Replies:
    """Reads a partner's replies, from the end (or the beginning) of their topic."""

    credentials: Credentials
    from_start: bool = False
    refused: list[KafkaError] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Seek to the start; every later reply is seen."""
        settings: dict[str, Any] = {
            **self.credentials.kafka,
            "client.id": f"samraad-{self.credentials.partner}",
            "group.id": f"{self.credentials.group_prefix}samraad-cli",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "error_cb": self.refused.append,
        }
        self._consumer = Consumer(settings, logger=quiet())
        topic = self.credentials.topics["replies"]
        metadata = greet(self._consumer, self.credentials.kafka, self.refused, topic)
        partitions = sorted(metadata.topics[topic].partitions)
        if not partitions:
            stop(f"The broker shows this login no topic {topic}.", Exit.REFUSED)
        self._unread = set(partitions)
        self._consumer.assign([self._place(topic, partition) for partition in partitions])

    def _place(self, topic: str, partition: int) -> TopicPartition:
        if self.from_start:
            return TopicPartition(topic, partition, OFFSET_BEGINNING)
        try:
            _, end = self._consumer.get_watermark_offsets(
                TopicPartition(topic, partition), timeout=_PATIENCE
            )
        except KafkaException:
            return TopicPartition(topic, partition, OFFSET_END)
        return TopicPartition(topic, partition, end)

    @property
    def is_read_out(self) -> bool:
        """Whether every earlier reply has been read."""
        return not self._unread

    def take(self, seconds: float) -> list[Answer]:
        """Return what has arrived; wait at most `seconds` for the first."""
        answers = []
        for message in consumed(self._consumer, seconds):
            error = message.error()
            if error is None:
                answer = Answer.of(message)
                if answer is not None:
                    answers.append(answer)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                self._unread.discard(message.partition() or 0)
        return answers

    def until(self, wanted: Counter[str], seconds: float) -> Iterator[Answer]:
        """Yield the answers to these references as they arrive, each as often as it is wanted."""
        missing = Counter(wanted)
        end = time.monotonic() + seconds
        while missing.total() and (left := end - time.monotonic()) > 0:
            for answer in self.take(min(left, 0.2)):
                if missing[answer.reference] > 0 and answer.status != "routed":
                    missing[answer.reference] -= 1
                    yield answer

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()


def consumed(consumer: Consumer, seconds: float) -> list[Message]:
    """Return what has arrived; wait at most `seconds` for the first."""
    first = consumer.poll(seconds)
    return [] if first is None else [first, *consumer.consume(_AT_ONCE, timeout=0)]


def headers_of(message: Message) -> list[tuple[str, bytes | None]]:
    """Return a record's headers as pairs."""
    found: list[tuple[str, Any]] = list(message.headers() or [])  # type: ignore[arg-type]  # consumed records give pairs
    return [(name, value) for name, value in found]


def fetch_key(jwks_url: str) -> dict[str, Any]:
    """Fetch the public key to seal with, or end the command."""
    try:
        return seal_key(jwks_url)
    except (httpx.HTTPError, ValueError, LookupError, AttributeError):
        stop(f"intake returns no key to seal with at {jwks_url}.", Exit.NOT_RUNNING)
