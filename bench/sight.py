"""The cost of metrics and traces on the hot path: `python -m bench.sight`. No broker, no database.

The engine's own cost for an event is some 17 µs (`make bench`); this is what is added to it.
"""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from timeit import repeat

from rich.console import Console
from rich.table import Table

from shared.contracts.envelope import Envelope
from shared.engine import Message, Record, Unit
from shared.observability import metrics
from shared.observability.tracing import SUBJECT, TraceFile, Tracing

SLICE = 500
TOPIC = "intake.cases.mediation"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def main() -> None:
    """Print microseconds for each event of a full batch."""
    full = _slice()
    sent = [message.packed() for message in full.outgoing.messages]
    record = Record(TOPIC, 0, 1, 0, b"key", b"{}", ())
    table = Table("For each event of a slice of 500", "µs", box=None)
    table.add_row("figures", f"{_cost(lambda: _count(full)):.2f}")
    with tempfile.TemporaryDirectory() as folder:
        tracing = Tracing([TraceFile(Path(folder), service="bench", process="bench")])
        for name, where in (("off", None), ("to a file", tracing)):
            unit = Unit(cases="cases", now=datetime.now(UTC), tracing=where)
            cost = _cost(lambda unit=unit: _follow(unit, record))  # type: ignore[misc]
            table.add_row(f"a step, tracing {name}", f"{cost:.2f}")
        cost = _cost(lambda: tracing.tell_published(sent, 0))
        table.add_row("publishing, tracing to a file", f"{cost:.2f}")
    Console().print(table)


def _cost(work: Callable[[], None]) -> float:
    return min(repeat(work, timer=process_time, number=20, repeat=9)) / 20 / SLICE * 1e6


def _slice() -> Unit:
    unit = Unit(cases="cases", now=datetime.now(UTC))
    envelope = Envelope("a", "/mediation/cases", "mediation.case_received.v1", unit.now, "a")
    envelope = envelope._replace(sequence=1, traceparent=TRACE)
    for _ in range(SLICE):
        unit.send(Message("mediation.cases", "a", envelope, b"{}"))
    return unit


def _count(unit: Unit) -> None:
    metrics.committed(TOPIC, SLICE, 0.018, duplicates=0, parked=0, refused=0)
    metrics.batch_taken(TOPIC, SLICE, 0.018)
    metrics.emitted([message.envelope.type for message in unit.outgoing.messages])


def _follow(unit: Unit, record: Record) -> None:
    unit.trace.spans = []
    for _ in range(SLICE):
        trace = unit.trace
        if trace.tracing is None:  # as `Inbox` does
            trace.parent = TRACE
        else:
            trace.begin(TRACE, "take", record, lambda: {SUBJECT: "a"})
    if unit.trace.tracing is not None:
        unit.trace.tracing.tell(unit.trace.spans)


if __name__ == "__main__":
    main()
