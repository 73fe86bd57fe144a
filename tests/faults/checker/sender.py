"""A partner's client: it seals ahead, sends fast, and keeps its ledger."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaError, Message, Producer

from tests.faults.checker.ledger import Expected, Ledger
from tests.faults.checker.letters import content_mark, fetch_seal_key, headers_of, seal_letter

__all__ = ["Letter", "PartnerClient"]

_PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A report, sealed and ready to go."""

    partner: str
    reference: str
    process: str | None
    content: str
    expects: Expected
    value: bytes


class PartnerClient:
    """Sends as one partner, with nothing but its credentials file."""

    def __init__(self, credentials: Path, ledger: Ledger | None = None, **settings: Any) -> None:
        self.credentials: dict[str, Any] = json.loads(credentials.read_text(encoding="utf-8"))
        self.partner: str = self.credentials["partner"]
        self.topic: str = self.credentials["topics"]["reports"]
        self.key = fetch_seal_key(self.credentials["jwks_url"])
        self._ledger = ledger
        self._producer = Producer(
            {
                **self.credentials["kafka"],
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 2,
                "message.timeout.ms": 120_000,
                "log_level": 0,
                **settings,
            }
        )

    def letter(self, report: dict[str, Any], *, expects: Expected = "accepted") -> Letter:
        """Seal a report, anew each time."""
        opened = json.dumps(report, ensure_ascii=False).encode()
        return Letter(
            partner=self.partner,
            reference=report["reference"],
            process=report.get("process"),
            content=content_mark(report),
            expects=expects,
            value=seal_letter(opened, self.key),
        )

    def send(self, letter: Letter) -> None:
        """Hand a letter to the client library; the ledger knows of it first."""
        number = None
        if self._ledger is not None:
            number = self._ledger.sent(
                partner=letter.partner,
                reference=letter.reference,
                process=letter.process,
                content=letter.content,
                expects=letter.expects,
            )
        self.produce(
            letter.value,
            key=letter.reference,
            headers=headers_of(self.partner, letter.reference),
            number=number,
        )

    def produce(
        self,
        value: bytes | None,
        *,
        key: str | bytes | None,
        headers: Any,
        number: int | None = None,
        **where: Any,
    ) -> None:
        """Send any record at all."""

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            if error is None and number is not None and self._ledger is not None:
                self._ledger.acknowledged(
                    number,
                    topic=str(message.topic()),
                    partition=int(message.partition() or 0),
                    offset=int(message.offset() or 0),
                )

        self._producer.produce(
            self.topic, value, key=key, headers=headers, on_delivery=on_delivery, **where
        )
        self._producer.poll(0)

    def flush(self, seconds: float = _PATIENCE_S) -> int:
        """Wait for acknowledgements; returns how many are still out."""
        return int(self._producer.flush(seconds))
