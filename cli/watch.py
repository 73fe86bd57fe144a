"""`samraad watch`: shows facts as they are published, one per line, with the inspector's login."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    Message,
    TopicPartition,
)
from rich.console import Console
from rich.text import Text

from cli.letterbox import consumed, headers_of
from cli.names import Names
from cli.reach import AsJson, Exit, greet, print_json, quiet, reach, say, stop
from shared.contracts.envelope import Envelope, EnvelopeRefused, read_envelope

__all__ = ["app"]

app = typer.Typer()

_ONE_LOOK: Final = 0.2
_SORTED_AT_ONCE: Final = 5_000
"""Earlier facts are sorted by time in chunks of this size."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One fact on one topic."""

    at: datetime
    """When the broker stored it."""
    topic: str
    partition: int
    offset: int
    envelope: Envelope
    value: bytes

    @classmethod
    def of(cls, message: Message) -> "Seen | None":
        """Read a record; None for one without an envelope."""
        try:
            envelope = read_envelope(headers_of(message))
        except EnvelopeRefused:
            return None
        return cls(
            at=datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
            topic=message.topic() or "",
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            envelope=envelope,
            value=message.value() or b"",
        )

    @property
    def subject(self) -> str:
        """The case or report it is about."""
        return self.envelope.subject or ""

    @property
    def order(self) -> tuple[datetime, str, int, int, int]:
        """The order to show facts in: by time, within one stream by its sequence."""
        return (self.at, self.topic, self.partition, self.envelope.sequence or 0, self.offset)


class Watch:
    """The topics of facts, read from their beginning or from now on."""

    def __init__(self, login: dict[str, str], *, from_start: bool) -> None:
        refused: list[KafkaError] = []
        settings: dict[str, Any] = {
            **login,
            "client.id": "samraad-watch",
            "group.id": "samraad-watch",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "error_cb": refused.append,
        }
        self._consumer = Consumer(settings, logger=quiet())
        metadata = greet(self._consumer, login, refused)
        offset = OFFSET_BEGINNING if from_start else OFFSET_END
        places = [
            TopicPartition(name, partition, offset)
            for name, topic in metadata.topics.items()
            if not name.startswith(("partner.", "_"))
            for partition in topic.partitions
        ]
        self._consumer.assign(places)
        self._past = {(place.topic, place.partition) for place in places}

    @property
    def is_read_out(self) -> bool:
        """Whether all earlier facts have been read."""
        return not self._past

    def take(self) -> list[Seen]:
        """Return what has arrived; wait a moment for the first."""
        found = []
        for message in consumed(self._consumer, _ONE_LOOK):
            error = message.error()
            if error is None:
                seen = Seen.of(message)
                if seen is not None:
                    found.append(seen)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                self._past.discard((message.topic() or "", message.partition() or 0))
        return found

    def facts(self, until: float | None) -> Iterator[Seen]:
        """Yield facts until a monotonic time; earlier ones in order of time."""
        past: list[Seen] = []
        while not self.is_read_out and not _is_over(until):
            past += self.take()
            if len(past) >= _SORTED_AT_ONCE:
                yield from sorted(past, key=lambda fact: fact.order)
                past = []
        yield from sorted(past, key=lambda fact: fact.order)
        if self.is_read_out:
            say("Waiting for new facts; Ctrl-C ends it.")
        while not _is_over(until):
            yield from sorted(self.take(), key=lambda fact: fact.order)

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()


@app.command()
def watch(
    case: Annotated[
        str | None,
        typer.Option(
            "--case",
            metavar="ID",
            help="Only this case, by id or reference (KR-7Q2M-04XT), from its first fact on.",
        ),
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Also the earlier facts that the topics keep.")
    ] = False,
    count: Annotated[
        int | None, typer.Option("--count", min=1, metavar="N", help="End after N facts.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--for", min=0.1, metavar="SECONDS", help="End after this time.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show facts as they are published, until Ctrl-C: time, topic, type, case, sequence.

    With --count and --for it ends with 1 if the time was up before N facts arrived.
    """
    wanted = None if case is None else _case(case)
    login = reach().onlooker
    watching = Watch(login, from_start=from_start or wanted is not None)
    until = None if seconds is None else time.monotonic() + seconds
    shown = 0
    try:
        for fact in _of_case(watching.facts(until), wanted):
            _show(*fact, as_json=as_json)
            shown += 1
            if shown == count:
                return
    except KeyboardInterrupt:
        return
    finally:
        watching.close()
    if count is not None:
        say(f"Time is up: {shown} of {count} facts arrived.")
        raise typer.Exit(Exit.FAILED)


def _case(given: str) -> str:
    """Return the case's id, or the part of a reference that is derived from it."""
    try:
        return str(UUID(given))
    except ValueError:
        digits = given.upper().split("-")[-2:]
    if [len(part) for part in digits] != [4, 4]:
        stop("Give a case by its id, or by its reference such as KR-7Q2M-04XT.", Exit.WRONG_USE)
    return "-".join(digits)


def _of_case(facts: Iterable[Seen], wanted: str | None) -> Iterator[tuple[Seen, Names]]:
    """Yield the facts of one case, or all."""
    names = Names()
    for fact in facts:
        names.learn(fact.subject, fact.topic, fact.envelope.type)
        if wanted is None or wanted == fact.subject or names.of(fact.subject).endswith(wanted):
            yield fact, names


def _show(fact: Seen, names: Names, *, as_json: bool) -> None:
    name = names.of(fact.subject)
    envelope = fact.envelope
    if as_json:
        print_json(
            {
                "at": fact.at.isoformat().replace("+00:00", "Z"),
                "topic": fact.topic,
                "partition": fact.partition,
                "offset": fact.offset,
                "type": envelope.type,
                "id": envelope.id,
                "source": envelope.source,
                "subject": envelope.subject,
                "reference": name or None,
                "sequence": envelope.sequence,
                "fact": _body(fact.value),
            }
        )
        sys.stdout.flush()
        return
    Console(soft_wrap=True).print(
        Text(f"{fact.at.astimezone():%H:%M:%S}.{fact.at.microsecond // 1000:03d}", style="dim"),
        Text(f"{fact.topic:<26}"),
        Text(f"{envelope.type:<30}", style="cyan"),
        Text(name, style="bold"),
        Text(fact.subject, style="dim"),
        Text("" if envelope.sequence is None else f"#{envelope.sequence}"),
    )


def _body(value: bytes) -> object:
    try:
        return json.loads(value)
    except ValueError:
        return None


def _is_over(until: float | None) -> bool:
    return until is not None and time.monotonic() >= until
