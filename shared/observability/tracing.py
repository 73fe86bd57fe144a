"""Traces: the effects of one event across services, as spans. They are off by default.

A span covers the effect of one event in one transaction, or the publication of one message. It is
recorded once the transaction is committed, so a failed attempt leaves no span. Its id is passed on as
W3C `traceparent` in the messages of the transaction. Attributes are ids, codes, log positions and
times: they do not tell who or what a case is about.

If tracing is off, it costs one comparison per event, and a `traceparent` is passed on unchanged.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from random import getrandbits
from time import time_ns
from typing import Any, Final, Protocol

import msgspec
import structlog

__all__ = [
    "FOLDER_MODE",
    "REFERENCE",
    "SUBJECT",
    "Sampler",
    "Sink",
    "Span",
    "TraceFile",
    "Tracing",
    "reference_mark",
]

SUBJECT: Final = "samraad.subject"
"""Attribute: the id of the case or report."""
REFERENCE: Final = "samraad.reference"
"""Attribute: a digest of the partner's own reference."""
FOLDER_MODE: Final = 0o700

_ROTATED_BYTES: Final = 32 * 1024 * 1024
_SAMPLED: Final = 1

log = structlog.get_logger()


def reference_mark(reference: str) -> str:
    """Return a digest of a partner's reference: only those who know the reference find its trace."""
    return sha256(reference.encode()).hexdigest()[:16]


_WRITTEN: Final = {"trace_id": "trace", "span_id": "span", "parent_id": "parent"}


class Span(msgspec.Struct, gc=False, rename=_WRITTEN):
    """One span, before it is written."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    kind: str
    began_ns: int
    attributes: dict[str, Any]
    failed: bool = False
    ended_ns: int = 0

    @property
    def traceparent(self) -> str:
        """The `traceparent` of spans below this one."""
        return f"00-{self.trace_id}-{self.span_id}-01"


class Sink(Protocol):
    """A destination of spans."""

    def take(self, spans: Sequence[Span]) -> None:
        """Take ended spans. A failure is logged, and has no other effect."""
        ...

    def close(self) -> None:
        """Write all spans that are buffered."""
        ...


class Sampler(Protocol):
    """Decides which new traces are recorded."""

    def __call__(self, trace_id: int) -> bool:
        """Whether the trace is recorded."""
        ...


class Tracing:
    """The spans of one process."""

    def __init__(self, sinks: Sequence[Sink], sampler: Sampler = lambda _: True) -> None:
        self._sinks = sinks
        self._sampler = sampler

    def begin(
        self, parent: str | None, name: str, kind: str, attributes: dict[str, Any]
    ) -> tuple[str, Span | None]:
        """Begin a span below `parent`, or a new trace.

        Returns the `traceparent` of its messages, and the span, or None if it is not recorded.
        """
        if parent is None:
            trace_id, above = getrandbits(128), None
            if not self._sampler(trace_id):
                return f"00-{trace_id:032x}-{getrandbits(64):016x}-00", None
            trace = f"{trace_id:032x}"
        else:
            trace, above = parent[3:35], parent[36:52]
            if not int(parent[53:55], 16) & _SAMPLED:
                return parent, None
        span = Span(name, trace, f"{getrandbits(64):016x}", above, kind, time_ns(), attributes)
        return span.traceparent, span

    def tell(self, spans: Sequence[Span]) -> None:
        """End these spans now, and record them."""
        now = time_ns()
        for span in spans:
            span.ended_ns = now
        for sink in self._sinks:
            try:
                sink.take(spans)
            except Exception as error:
                log.exception("trace_not_told", error=type(error).__name__)

    def tell_published(self, messages: Sequence[Mapping[str, Any]], began_ns: int) -> None:
        """Record a span for each published message that belongs to a trace."""
        spans = []
        for message in messages:
            parent = message.get("trace") or message["traceparent"]
            if parent is None:
                continue
            where = {"messaging.destination.name": message["topic"]}
            _, span = self.begin(parent, f"publish {message['type']}", "producer", where)
            if span is not None:
                span.began_ns = began_ns
                spans.append(span)
        if spans:
            self.tell(spans)

    def close(self) -> None:
        """Write all spans that are buffered. No span is taken afterwards."""
        for sink in self._sinks:
            sink.close()


class TraceFile:
    """Writes spans as lines of JSON to a file of this process. It is rotated: one older file is kept."""

    def __init__(self, folder: Path, *, service: str, process: str) -> None:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._file = folder / f"{process}.jsonl"
        self._encode = msgspec.json.Encoder().encode
        process_of = self._encode({"service": service, "process": process})
        self._head = process_of.removesuffix(b"}") + b","
        self._size = self._file.stat().st_size if self._file.exists() else 0

    def take(self, spans: Sequence[Span]) -> None:
        """Append the spans, each as one line."""
        lines = b"".join([self._head + self._encode(span)[1:] + b"\n" for span in spans])
        try:
            if self._size > _ROTATED_BYTES:
                self._file.replace(self._file.with_suffix(".1.jsonl"))
                self._size = 0
            with self._file.open("ab", buffering=0) as file:
                file.write(lines)
            self._size += len(lines)
        except OSError as error:
            log.warning("trace_not_written", error=type(error).__name__)

    def close(self) -> None:
        """Do nothing: no span is buffered."""
