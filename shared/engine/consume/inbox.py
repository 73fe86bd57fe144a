"""The door for facts: each has its effect once, in the order of its case.

By sequence, against the mark that the batch's earlier events left: at or below it a repeat and
dropped, next after it applied, beyond it kept in the room until what is missing arrives. A fact of
an unknown type moves the mark too. What can never succeed is kept, the mark stays, and the case is
parked: its later events wait behind it while all other cases flow on.
"""

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace
from pydantic import ValidationError

from shared.contracts import Fact, source_of
from shared.contracts.envelope import Envelope, EnvelopeRefused, read_envelope
from shared.engine.consume.processor import NOTHING
from shared.engine.records import Record, record_row, row_record
from shared.engine.store.document import Document, Needs
from shared.engine.store.unit_of_work import WAITING, Unit
from shared.errors import Rejected
from shared.observability.tracing import SUBJECT

__all__ = ["Arrival", "Inbox", "explain", "is_due", "read_arrival"]

F = TypeVar("F", bound=Fact)
Handler = Callable[[Any, Unit], None]
NeedsOf = Callable[[Any], Needs]


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A record that was read as far as the order of its case needs."""

    record: Record
    envelope: Envelope | None
    """None where it is no fact that can be placed; then `fault` says why."""
    fault: str = ""
    case_id: str = ""
    """The case that it is about."""
    source: str = ""
    """The stream that it belongs to."""
    sequence: int = 0
    """Its place among the case's facts from one source."""

    @property
    def row_id(self) -> str:
        """Its place in the room: one row per case, source and sequence."""
        return f"{self.case_id}|{self.source}|{self.sequence:010d}"


class Inbox:
    """The fact types that a subscription knows, who handles each, and what each needs loaded."""

    def __init__(self, *, most: int = 500) -> None:
        self.most = most
        self._handlers: dict[str, tuple[type[Fact], Handler, NeedsOf | None]] = {}

    @property
    def types(self) -> Iterable[type[Fact]]:
        """The facts that are handled here."""
        return [fact for fact, _, _ in self._handlers.values()]

    def on(
        self, fact: type[F], *, needs: Callable[[F], Needs] | None = None
    ) -> Callable[[Callable[[F, Unit], None]], Callable[[F, Unit], None]]:
        """Register a handler: load, decide, save, emit; in memory, no acks.

        Args:
            fact: the type that it handles.
            needs: documents beside the case's own, as collection -> ids.

        """

        def register(handler: Callable[[F, Unit], None]) -> Callable[[F, Unit], None]:
            self._handlers[fact.type] = (fact, handler, needs)
            return handler

        return register

    async def prepare(self, records: Sequence[Record]) -> Sequence[Arrival]:
        """Read the envelopes."""
        return [read_arrival(record) for record in records]

    def needs(self, arrival: Arrival) -> Needs:
        """What its handler asks for, beside the case's own document."""
        if arrival.envelope is None:
            return NOTHING
        known = self._handlers.get(arrival.envelope.type)
        if known is None or known[2] is None:
            return NOTHING
        try:
            return known[2](_body(known[0], arrival.record))
        except Exception:  # noqa: BLE001 - raised again, and parked, when its turn comes
            return NOTHING

    def case_of(self, arrival: Arrival) -> str | None:
        """The case that it is about."""
        return arrival.case_id or None

    def take(self, arrival: Arrival, unit: Unit) -> None:
        """Drop a repeat, apply what is next and what waited for it, keep the rest."""
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
        """Keep the event, leave its mark, and let its case stand still."""
        if arrival.envelope is None:
            unit.set_aside(arrival.record, reason, cause)
            unit.failures.append((cause, arrival.record.position))
            return
        self._keep(arrival, unit, state="failed", reason=reason, cause=cause)
        protocol = unit.document(unit.cases, arrival.case_id).protocol
        unit.touch(unit.cases, arrival.case_id, replace(protocol, parked=reason))
        unit.failures.append((cause, arrival.case_id))

    def resume(self, case_id: str, unit: Unit) -> None:
        """Apply what waits in the case's room, as long as the next one is there."""
        if not unit.document(unit.cases, case_id).protocol.waiting:
            return
        parked = unit.parked_rows.get(case_id, {})
        while unit.may_resume and (row := self.first_due(case_id, unit)) is not None:
            unit.may_resume -= 1
            unit.free(row)
            marks = unit.document(unit.cases, case_id).protocol.marks
            if row["sequence"] > marks.get(row["source"], 0):
                self._apply(read_arrival(row_record(row)), unit)
        protocol = unit.document(unit.cases, case_id).protocol
        if protocol.waiting and not parked and unit.parked_is_complete:
            unit.touch(unit.cases, case_id, replace(protocol, waiting=False))

    def first_due(self, case_id: str, unit: Unit) -> Document | None:
        """The kept event that is next, unless the case is parked or waits for another."""
        protocol = unit.document(unit.cases, case_id).protocol
        parked = unit.parked_rows.get(case_id)
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
        except Exception as error:  # noqa: BLE001 - a bug in one handler must stop its own case only
            unit.roll_back(before)
            self.park(arrival, unit, *explain(error))

    def _handle(self, arrival: Arrival, unit: Unit) -> None:
        assert arrival.envelope  # noqa: S101 - take made sure
        known = self._handlers.get(arrival.envelope.type)
        if known is None:
            return
        if unit.tracing is None:
            unit.traceparent = arrival.envelope.traceparent
        else:
            unit.continue_trace(
                arrival.envelope.traceparent,
                f"take {arrival.envelope.type}",
                arrival.record,
                lambda: {SUBJECT: arrival.case_id},
            )
        unit.appended_ms = arrival.record.timestamp_ms
        fact = _body(known[0], arrival.record)
        if fact.subject() != arrival.case_id:
            raise Rejected("the fact's subject is not the one on its envelope")
        if known[2] is not None:
            known[2](fact)  # what it could not tell before the batch stops its own case now
        now, protocol = unit.now, unit.document(unit.cases, arrival.case_id).protocol
        before = unit.republished.clock(arrival.case_id, protocol.sequences, unit.appended_ms)
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
        unit.keep(row)
        protocol = unit.document(unit.cases, arrival.case_id).protocol
        # keeping writes the case's document too: a redrive that passes by must meet a conflict
        unit.touch(unit.cases, arrival.case_id, replace(protocol, waiting=True))


def is_due(row: Document, marks: Mapping[str, int]) -> bool:
    """Whether a kept event is next (or was overtaken, and is to be dropped)."""
    return bool(row["sequence"] <= marks.get(row["source"], 0) + 1)


def _in_order(parked: Mapping[str, Document]) -> list[Document]:
    return sorted(parked.values(), key=lambda row: (row["source"], row["sequence"]))


def _body(fact: type[Fact], record: Record) -> Fact:
    return fact.read(record.value or b"")


def read_arrival(record: Record) -> Arrival:
    """Read a record's envelope and check that it can be placed in its case's order."""
    try:
        envelope = read_envelope(record.headers)
    except EnvelopeRefused as refused:
        told = "; ".join(f"{error.field}: {error.message}" for error in refused.errors)
        return Arrival(record, None, f"the envelope cannot be read: {told}")
    if envelope.sequence is None:
        return Arrival(record, None, "header:ce_sequence: a fact is numbered")
    if not envelope.subject:
        return Arrival(record, None, "header:ce_subject: a fact names its subject")
    if record.key != envelope.subject.encode():
        return Arrival(record, None, "the key is not the subject: the order would be another's")
    if envelope.source != source_of(record.topic):
        return Arrival(record, None, "header:ce_source: it is not the stream of this topic")
    return Arrival(record, envelope, "", envelope.subject, envelope.source, envelope.sequence)


def explain(error: Exception) -> tuple[str, str]:
    """A sentence for people and a cause to count by, neither with a word of what the event held."""
    if isinstance(error, Rejected):
        return str(error), f"{type(error).__name__}: {error}"
    if isinstance(error, ValidationError):
        told = error.errors(include_url=False, include_context=False, include_input=False)
        fields = "; ".join(
            f"/{'/'.join(map(str, fault['loc']))}: {fault['type']}" for fault in told[:5]
        )
        return (
            f"the fact does not follow its contract: {fields}",
            f"contract: {error.title} {fields}",
        )
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
    return (
        f"the handler failed with {type(error).__name__} at {place}",
        f"{type(error).__name__} {place}",
    )
