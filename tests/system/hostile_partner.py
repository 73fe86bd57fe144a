"""A partner at work: it sends records of its own making, and hears the replies."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import Consumer, KafkaError, Message, Producer

from shared.contracts.processes import PartnerKind
from tests.faults.checker.letters import fetch_seal_key
from tests.system.command_line import DONE, CommandLine
from tests.system.hostile_shapes import Draft, Record

if TYPE_CHECKING:
    from jwcrypto import jwk

Received = list[tuple[str, bytes | None]]

__all__ = ["Partner", "Place", "Reply"]

PROPOSED_BY = {
    PartnerKind.SCHOOL: "school",
    PartnerKind.POLICE: "police",
    PartnerKind.PROSECUTION: "prosecution",
}


@dataclass(slots=True)
class Place:
    """Where the broker put a record, and when by its own clock."""

    error: KafkaError | None
    topic: str
    partition: int
    offset: int
    at_ms: int

    @property
    def id(self) -> str:
        return f"{self.topic}|{self.partition}|{self.offset}"


@dataclass(frozen=True, slots=True)
class Reply:
    """One record of a partner's replies."""

    key: str
    headers: dict[str, str]
    value: bytes
    at_ms: int

    @property
    def body(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.value)
        return read


class Partner:
    """One partner, with what its credentials file holds and no more."""

    def __init__(self, samraad: CommandLine, kind: PartnerKind) -> None:
        added = samraad.add(kind=kind.value)
        assert added.returncode == DONE, added.stderr
        onboarding = json.loads(samraad.file.read_text())
        self.id: str = onboarding["partner"]
        self.proposed_by = PROPOSED_BY[kind]
        self.login: dict[str, str] = onboarding["kafka"]
        self.topics: dict[str, str] = onboarding["topics"]
        self.group = f"{onboarding['group_prefix']}test"
        self.key: jwk.JWK = fetch_seal_key(onboarding["jwks_url"])
        self.places: dict[str, Place] = {}
        self.replies: dict[str, list[Reply]] = defaultdict(list)
        self._producer = self.producer()

    def producer(self, **settings: Any) -> Producer:
        return Producer({**self.login, "acks": "all", "log_level": 0, **settings})

    def draft(self, reference: str, mark: str, other: str) -> Draft:
        return Draft(
            partner=self.id,
            reference=reference,
            mark=mark,
            key=self.key,
            proposed_by=self.proposed_by,
            other=other,
        )

    def send(
        self, name: str, record: Record, partition: int, producer: Producer | None = None
    ) -> None:
        """Hand a record over; where it came to lie is known by `name` once it was flushed."""

        def on_delivery(error: KafkaError | None, one: Message) -> None:
            where = (str(one.topic()), int(one.partition() or 0), int(one.offset() or 0))
            self.places[name] = Place(error, *where, one.timestamp()[1])

        (producer or self._producer).produce(
            self.topics["reports"],
            record.value,
            record.key,
            partition,
            on_delivery=on_delivery,
            headers=record.headers,
        )

    def flush(self) -> None:
        assert self._producer.flush(30) == 0

    def listen(self, references: set[str], seconds: float) -> None:
        """Go on reading replies until all of these were answered, and a little longer."""
        settings = {"group.id": self.group, "auto.offset.reset": "earliest", "log_level": 0}
        consumer = Consumer({**self.login, **settings})
        consumer.subscribe([self.topics["replies"]])
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                for one in consumer.consume(500, 0.5):
                    assert one.error() is None, one.error()
                    self._hear(one)
                if references <= self.replies.keys():
                    until = min(until, time.monotonic() + 1)
        finally:
            consumer.close()

    def _hear(self, one: Message) -> None:
        key, headers = (one.key() or b"").decode(), cast("Received", one.headers() or [])
        fields = {name: (value or b"").decode() for name, value in headers}
        reply = Reply(key, fields, one.value() or b"", one.timestamp()[1])
        self.replies[key].append(reply)
