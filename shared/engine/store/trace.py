"""The trace that a unit of work continues: its parent, and the spans to be recorded after the commit."""

from collections.abc import Callable
from typing import Any

from shared.engine.records import Record
from shared.observability.tracing import Span, Tracing

__all__ = ["Trace"]


class Trace:
    """The trace of the event that a unit handles at present."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.tracing = tracing
        """Where spans are recorded; None if tracing is off."""
        self.parent: str | None = None
        """The `traceparent` of messages that are sent now."""
        self.spans: list[Span] = []
        """Spans that are recorded once the transaction is committed."""

    def begin(
        self,
        parent: str | None,
        name: str,
        record: Record,
        attributes: Callable[[], dict[str, Any]],
    ) -> None:
        """Begin a span below `parent`, or a new trace if it is None.

        If tracing is off, messages carry `parent` on unchanged.

        Args:
            parent: the `traceparent` that came with the event.
            name: the span's.
            record: the event as it lies in the log.
            attributes: returns more attributes; called only if tracing is on.

        """
        if self.tracing is None:
            self.parent = parent
            return
        known = {  # a record that waited in the database has numbers of BSON's own type
            "messaging.destination.name": record.topic,
            "messaging.destination.partition.id": int(record.partition),
            "messaging.kafka.offset": int(record.offset),
            "samraad.appended_ms": int(record.timestamp_ms),
            **attributes(),
        }
        self.parent, span = self.tracing.begin(parent, name, "consumer", known)
        if span is not None:
            self.spans.append(span)

    def roll_back(self, to: int) -> None:
        """Mark the spans as failed that began after there were `to` of them."""
        for span in self.spans[to:]:
            span.failed = True
