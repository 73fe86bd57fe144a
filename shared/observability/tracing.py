"""Traces: what one event set off, step by step, across services; off unless a setting asks for it.

A step is what one event did in one transaction, or one message on its way to the broker. It is told
once the transaction is committed, so an attempt that came to nothing leaves no trace, and its id
travels on as W3C `traceparent` in the messages that the transaction put into the outbox. Attributes
are ids, codes, places in the log and times: nothing that says who or what a case is about.

Turned off, this costs one comparison for an event, and a trace that arrives is passed on as it is.
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
"""Attribute: the case or report that a step is about."""
REFERENCE: Final = "samraad.reference"
"""Attribute: the mark of the partner's own reference."""
FOLDER_MODE: Final = 0o700

_ROTATED_BYTES: Final = 32 * 1024 * 1024
_SAMPLED: Final = 1

log = structlog.get_logger()


def reference_mark(reference: str) -> str:
    """What stands in a trace for a partner's reference: found again by who knows it, read by none."""
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
        """What the next step has as its parent."""
        return f"00-{self.trace_id}-{self.span_id}-01"


class Sink(Protocol):
    """Where steps go."""

    def take(self, steps: Sequence[Span]) -> None:
        """Take steps that are over; what fails here is told in the log and disturbs nobody."""
        ...

    def close(self) -> None:
        """Write what is held."""
        ...


class Sampler(Protocol):
    """Decides about a trace where it begins."""

    def __call__(self, trace_id: int) -> bool:
        """Whether it is recorded."""
        ...


class Tracing:
    """The steps of one process."""

    def __init__(self, sinks: Sequence[Sink], sampler: Sampler = lambda _: True) -> None:
        self._sinks = sinks
        self._sampler = sampler

    def begin(
        self, parent: str | None, name: str, kind: str, attributes: dict[str, Any]
    ) -> tuple[str, Span | None]:
        """Begin a step below `parent`, or a new trace.

        Returns what its messages carry on, and the step itself unless the trace is not recorded.
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
        step = Span(name, trace, f"{getrandbits(64):016x}", above, kind, time_ns(), attributes)
        return step.traceparent, step

    def tell(self, steps: Sequence[Span]) -> None:
        """Steps are over, all at this moment."""
        now = time_ns()
        for step in steps:
            step.ended_ns = now
        for sink in self._sinks:
            try:
                sink.take(steps)
            except Exception as error:
                log.exception("trace_not_told", error=type(error).__name__)

    def tell_published(self, messages: Sequence[Mapping[str, Any]], began_ns: int) -> None:
        """Messages of the outbox were taken by the broker; those without a trace are left out."""
        steps = []
        for message in messages:
            parent = message.get("trace") or message["traceparent"]
            if parent is None:
                continue
            where = {"messaging.destination.name": message["topic"]}
            _, step = self.begin(parent, f"publish {message['type']}", "producer", where)
            if step is not None:
                step.began_ns = began_ns
                steps.append(step)
        if steps:
            self.tell(steps)

    def close(self) -> None:
        """Write what is held; after this nothing is taken."""
        for sink in self._sinks:
            sink.close()


class TraceFile:
    """Steps as lines of JSON in a file of this process, which is bounded: one older file is kept."""

    def __init__(self, folder: Path, *, service: str, process: str) -> None:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._file = folder / f"{process}.jsonl"
        self._encode = msgspec.json.Encoder().encode
        whose = self._encode({"service": service, "process": process})
        self._head = whose.removesuffix(b"}") + b","
        self._size = self._file.stat().st_size if self._file.exists() else 0

    def take(self, steps: Sequence[Span]) -> None:
        """Append them, each as one line."""
        lines = b"".join([self._head + self._encode(step)[1:] + b"\n" for step in steps])
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
        """Nothing is held."""
