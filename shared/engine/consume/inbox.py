"""The inbox for facts: each has its effect once, in the order of its case.

A fact's sequence number is compared with the case's mark. At or below the mark it is a repeat and is
dropped. Next after the mark it is applied. Beyond that it waits, parked, until the missing fact
arrives. A fact of an unknown type moves the mark too. A fact that fails is parked with its case and
the mark stays: later facts of the case wait behind it, and all other cases continue.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import structlog
from msgspec.structs import replace
from pydantic import ValidationError

from shared.contracts import Fact, source_of
from shared.contracts.envelope import Envelope, EnvelopeRefused, read_envelope
from shared.engine.failures.failure_reason import explain
from shared.engine.records import Record, record_row, row_record
from shared.engine.store.document import NOTHING, Document, Needs
from shared.engine.store.parked_rows import WAITING
from shared.engine.store.unit_of_work import Unit
from shared.errors import Rejected
from shared.observability.tracing import SUBJECT

__all__ = ["Arrival", "Inbox", "is_due", "read_arrival"]

log = structlog.get_logger()

F = TypeVar("F", bound=Fact)
Handler = Callable[[Any, Unit], None]
NeedsOf = Callable[[Any], Needs]


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A record whose envelope was read."""

    record: Record
    envelope: Envelope | None
    """None if the record has no place in the order of a case; `fault` says why."""
    fault: str = ""
    case_id: str = ""
    """Its case."""
    source: str = ""
    """Its stream."""
    sequence: int = 0
    """Its number among the case's facts of one source."""

    @property
    def row_id(self) -> str:
        """The id of its parked row: one per case, source and sequence."""
        return f"{self.case_id}|{self.source}|{self.sequence:010d}"


class Inbox:
    """The fact types that a subscription handles, with the handler and the needs of each."""

    def __init__(self, *, most: int = 500) -> None:
        self.most = most
        self._handlers: dict[str, tuple[type[Fact], Handler, NeedsOf | None]] = {}

    @property
    def types(self) -> Iterable[type[Fact]]:
        """The fact types with a handler."""
        return [fact for fact, _, _ in self._handlers.values()]

    def on(
        self, fact: type[F], *, needs: Callable[[F], Needs] | None = None
    ) -> Callable[[Callable[[F, Unit], None]], Callable[[F, Unit], None]]:
        """Register a handler. It loads, decides, saves and emits in memory.

        Args:
            fact: the type that it handles.
            needs: returns the documents that it loads beside the case's own, as collection -> ids.

        """

        def register(handler: Callable[[F, Unit], None]) -> Callable[[F, Unit], None]:
            self._handlers[fact.type] = (fact, handler, needs)
            return handler

        return register

    async def prepare(self, records: Sequence[Record]) -> Sequence[Arrival]:
        """Read the envelopes."""
        return [read_arrival(record) for record in records]

    def needs(self, arrival: Arrival) -> Needs:
        """Return the documents that its handler loads beside the case's own."""
        if arrival.envelope is None:
            return NOTHING
        known = self._handlers.get(arrival.envelope.type)
        if known is None or known[2] is None:
            return NOTHING
        try:
            return known[2](_body(known[0], arrival.record))
        except Exception:  # noqa: BLE001 - raised again when the fact is handled, and then parked
            return NOTHING

    def case_of(self, arrival: Arrival) -> str | None:
        """Return its case, if it has one."""
        return arrival.case_id or None

    def take(self, arrival: Arrival, unit: Unit) -> None:
        """Drop a repeat; apply the next fact and those that waited for it; park the rest."""
        if arrival.envelope is None:
            self.park(arrival, unit, arrival.fault, arrival.fault)
            return
        protocol = unit.document(unit.cases, arrival.case_id).protocol
        mark = protocol.marks.get(arrival.source, 0)
        if arrival.sequence <= mark:
            unit.duplicates += 1
        elif protocol.parked or arrival.sequence > mark + 1:
            self._keep(arrival, unit, state=WAITING, reason=None)
        else:
            self._apply(arrival, unit)
            self.resume(arrival.case_id, unit)

    def park(self, arrival: Arrival, unit: Unit, reason: str, cause: str) -> None:
        """Park the fact and its case. The mark stays."""
        if arrival.envelope is None:
            unit.set_aside(arrival.record, reason, cause)
            unit.failures.append((cause, arrival.record.position))
            return
        self._keep(arrival, unit, state="failed", reason=reason, cause=cause)
        protocol = unit.document(unit.cases, arrival.case_id).protocol
        unit.touch(unit.cases, arrival.case_id, replace(protocol, parked=reason))
        unit.failures.append((cause, arrival.case_id))

    def resume(self, case_id: str, unit: Unit) -> None:
        """Apply the case's parked facts while the next one is among them."""
        if not unit.document(unit.cases, case_id).protocol.waiting:
            return
        parked = unit.parked.of_case.get(case_id, {})
        while unit.parked.may_resume and (row := self.first_due(case_id, unit)) is not None:
            unit.parked.may_resume -= 1
            unit.parked.free(row)
            marks = unit.document(unit.cases, case_id).protocol.marks
            if row["sequence"] > marks.get(row["source"], 0):
                self._apply(read_arrival(row_record(row)), unit)
        protocol = unit.document(unit.cases, case_id).protocol
        if protocol.waiting and not parked and unit.parked.is_complete:
            unit.touch(unit.cases, case_id, replace(protocol, waiting=False))

    def first_due(self, case_id: str, unit: Unit) -> Document | None:
        """Return the parked fact that is next, unless the case is parked or the next one is missing."""
        protocol = unit.document(unit.cases, case_id).protocol
        parked = unit.parked.of_case.get(case_id)
        if not parked or protocol.parked:
            return None
        return next((row for row in _in_order(parked) if is_due(row, protocol.marks)), None)

    def _apply(self, arrival: Arrival, unit: Unit) -> None:
        before = unit.savepoint()
        try:
            self._handle(arrival, unit)
            protocol = unit.document(unit.cases, arrival.case_id).protocol
            moved = protocol.marked(arrival.source, arrival.sequence)
            unit.touch(unit.cases, arrival.case_id, moved)
        except Exception as error:  # noqa: BLE001 - one handler's bug stops its own case only
            unit.roll_back(before)
            self.park(arrival, unit, *explain(error))

    def _handle(self, arrival: Arrival, unit: Unit) -> None:
        assert arrival.envelope  # noqa: S101 - `take` made sure
        known = self._handlers.get(arrival.envelope.type)
        if known is None:
            return
        trace = unit.trace
        if trace.tracing is None:
            trace.parent = arrival.envelope.traceparent
        else:
            trace.begin(
                arrival.envelope.traceparent,
                f"take {arrival.envelope.type}",
                arrival.record,
                lambda: {SUBJECT: arrival.case_id},
            )
        unit.appended_ms = arrival.record.timestamp_ms
        try:
            fact = _body(known[0], arrival.record)
        except ValidationError:
            if not known[0].draft:
                raise
            log.warning("draft_not_read", type=arrival.envelope.type, case_id=arrival.case_id)
            return  # written by a version in which the draft was another
        if fact.subject() != arrival.case_id:
            raise Rejected("the fact's subject is not the one on its envelope")
        if known[2] is not None:
            known[2](fact)  # needs that failed before the batch fail again here, and park the case
        now, protocol = unit.now, unit.document(unit.cases, arrival.case_id).protocol
        before = unit.numbering.clock(arrival.case_id, protocol.sequences, unit.appended_ms)
        unit.now = before or now
        try:
            known[1](fact, unit)
        finally:
            unit.now = now

    def _keep(
        self,
        arrival: Arrival,
        unit: Unit,
        *,
        state: str,
        reason: str | None,
        cause: str | None = None,
    ) -> None:
        assert arrival.envelope  # noqa: S101 - take made sure
        row = record_row(arrival.record, state=state, reason=reason, at=unit.now) | {
            "_id": arrival.row_id,
            "case_id": arrival.case_id,
            "source": arrival.source,
            "sequence": arrival.sequence,
            "type": arrival.envelope.type,
            "cause": cause,
        }
        unit.parked.keep(row)
        protocol = unit.document(unit.cases, arrival.case_id).protocol
        # the case's document is written too, so that a concurrent redrive gets a conflict
        unit.touch(unit.cases, arrival.case_id, replace(protocol, waiting=True))


def is_due(row: Document, marks: Mapping[str, int]) -> bool:
    """Whether a parked fact is next, or is a repeat by now."""
    return bool(row["sequence"] <= marks.get(row["source"], 0) + 1)


def _in_order(parked: Mapping[str, Document]) -> list[Document]:
    return sorted(parked.values(), key=lambda row: (row["source"], row["sequence"]))


def _body(fact: type[Fact], record: Record) -> Fact:
    return fact.read(record.value or b"")


def read_arrival(record: Record) -> Arrival:
    """Read a record's envelope, and check that it has a place in the order of its case."""
    try:
        envelope = read_envelope(record.headers)
    except EnvelopeRefused as refused:
        faults = "; ".join(f"{error.field}: {error.message}" for error in refused.errors)
        return Arrival(record, None, f"the envelope cannot be read: {faults}")
    if envelope.sequence is None:
        return Arrival(record, None, "header:ce_sequence: a fact is numbered")
    if not envelope.subject:
        return Arrival(record, None, "header:ce_subject: a fact names its subject")
    if record.key != envelope.subject.encode():
        return Arrival(record, None, "the key is not the subject: the order would be another's")
    if envelope.source != source_of(record.topic):
        return Arrival(record, None, "header:ce_source: it is not the stream of this topic")
    return Arrival(record, envelope, "", envelope.subject, envelope.source, envelope.sequence)
