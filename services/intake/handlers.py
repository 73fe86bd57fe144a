"""Kafka in: a partner's records become reports, people, cases, facts and receipts.

Letters arrive here opened, checked and sealed (`preparing`). In the transaction each is judged
against what is stored under its reference then, earlier letters of the same batch included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, assert_never

from services.intake import (
    cases,
    domain,
    persons,
    processing_log,
    reports,
    traces,
    triage,
    withheld,
)
from services.intake.arrivals import Arrival, Arrived, LeftOut
from services.intake.domain import OpensCase, ReferenceConflict, Rejection, Repeated, Waits
from services.intake.processing_log import Act
from shared.cases.working_time import TRIAGE_WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from services.intake.blind import BlindIndex
    from services.intake.domain import Verdict
    from services.intake.preparing import LetterReader
    from services.intake.sealed_report import SealedReport
    from shared.cases.working_time import Length
    from shared.contracts.processes import Process
    from shared.contracts.receipts import FieldError
    from shared.contracts.report import Report
    from shared.engine import Record, Unit

__all__ = ["RedriveProcessor", "ReportProcessor"]

Document = dict[str, Any]


_VERDICT_CODES: Final[Mapping[type[Verdict], str]] = {
    OpensCase: "OpensCase",
    Waits: "Waits",
    Rejection: "Rejected",
    ReferenceConflict: "Conflict",
    Repeated: "Repeated",
}
"""How traces name a verdict."""


class ReportProcessor:
    """Processes the records of the partners' topics."""

    most: int = 100

    def __init__(
        self, reader: LetterReader, index: BlindIndex, *, triage_within: Length = TRIAGE_WITHIN
    ) -> None:
        self._reader = reader
        self._index = index
        self._triage_within = triage_within

    async def prepare(self, records: Sequence[Record]) -> Sequence[Arrival]:
        """Open, check and seal; what is too much for one batch is left to the next."""
        return await self._reader.prepare(records)

    def case_of(self, arrival: Arrival) -> str | None:  # noqa: ARG002 - the same for every letter
        """Return None: no letter has a place in the order of a case."""
        return None

    def needs(self, arrival: Arrival) -> Mapping[str, Iterable[str]]:
        """Return what to load: the report, its trace, and the people and case of a new one."""
        if isinstance(arrival, LeftOut):
            return {}
        wanted = {reports.COLLECTION: [str(arrival.report_id)], **traces.wanted(arrival)}
        if arrival.sealed is not None:
            wanted[persons.COLLECTION] = [str(each) for each in arrival.sealed.person_ids]
            wanted[cases.COLLECTION] = [str(self._index.case_id(arrival.report_id))]
        return wanted

    def take(self, arrival: Arrival, unit: Unit) -> None:
        """Judge the letter and answer it; set it aside whole if no answer can be sent."""
        if isinstance(arrival, LeftOut):
            _set_aside(arrival, unit, arrival.reason, arrival.cause)
            if arrival.cause is not None:
                unit.failures.append((arrival.cause, arrival.record.position))
            return
        before = unit.load(reports.COLLECTION, str(arrival.report_id))
        verdict = domain.judge(arrival.letter, reports.known(before))
        self._follow(arrival, verdict, unit)
        match verdict:
            case OpensCase():
                receipt = self._open_case(arrival, verdict, before, unit)
            case Waits():
                receipt = self._keep_waiting(arrival, verdict, before, unit)
            case Rejection(errors) | ReferenceConflict(errors):
                receipt = self._reject(arrival, errors, before, unit)
            case Repeated():
                receipt = self._repeat(before, unit)
            case _:
                assert_never(verdict)
        unit.send(reports.replied(arrival.letter, receipt))

    def park(self, arrival: Arrival, unit: Unit, reason: str, cause: str) -> None:
        """Set aside a letter that failed through no fault of its partner; a redrive answers it.

        Each is a failure of ours. Many of one cause at once halt the partition.
        """
        _set_aside(arrival, unit, reason, cause)
        whose = arrival.record.position if isinstance(arrival, LeftOut) else str(arrival.report_id)
        unit.failures.append((cause, whose))

    def _follow(self, arrival: Arrived, verdict: Verdict, unit: Unit) -> None:
        if unit.trace.tracing is None and arrival.trace is None:
            unit.trace.parent = None
            return
        process, subject = None, None
        if isinstance(verdict, OpensCase):
            process, subject = verdict.process, str(self._index.case_id(arrival.report_id))
        elif isinstance(verdict, Waits):
            subject = str(arrival.report_id)
        code = _VERDICT_CODES[type(verdict)]
        traces.continue_trace(arrival, unit, verdict=code, process=process, subject=subject)

    def _open_case(
        self, arrival: Arrived, opens: OpensCase, before: Document | None, unit: Unit
    ) -> Document:
        sealed = _sealed(arrival)
        case_id = self._index.case_id(arrival.report_id)
        protected = self._meet(opens.report, sealed, opens.process, unit)
        fact = domain.case_opened(
            case_id,
            opens,
            kind=arrival.kind,
            parties=domain.parties_of(
                opens.report,
                sealed.person_ids,
                protected=protected,
                party_id=lambda person_id: self._index.party_id(person_id, opens.process),
                received_at=arrival.received_at,
            ),
            received_at=arrival.received_at,
        )
        receipt = self._acceptance(arrival, case_id)
        unit.save(
            cases.COLLECTION,
            cases.opened(fact, opens.report, sealed, report_id=arrival.report_id),
        )
        unit.save(
            reports.COLLECTION,
            reports.taken(arrival, opens.report, sealed, before=before, receipt=receipt)
            | reports.with_case(case_id),
        )
        self._note(arrival, opens.report, sealed, case_id, unit)
        unit.emit(fact)
        triage.raise_alarm(unit, arrival.report_id)
        return receipt

    def _keep_waiting(
        self, arrival: Arrived, waits: Waits, before: Document | None, unit: Unit
    ) -> Document:
        sealed = _sealed(arrival)
        due_at = self._triage_within.after(arrival.received_at)
        self._meet(waits.report, sealed, None, unit)
        receipt = self._acceptance(arrival, None)
        unit.save(
            reports.COLLECTION,
            reports.taken(arrival, waits.report, sealed, before=before, receipt=receipt)
            | reports.waiting(waits, sealed, due_at=due_at),
        )
        triage.wait_until(unit, arrival.report_id, due_at)
        self._note(arrival, waits.report, sealed, None, unit)
        unit.emit(
            domain.triage_waiting(
                arrival.report_id, waits, received_at=arrival.received_at, due_at=due_at
            ),
            counted_in=(reports.COLLECTION, str(arrival.report_id)),
        )
        triage.raise_alarm(unit, arrival.report_id)
        return receipt

    def _reject(
        self,
        arrival: Arrived,
        errors: tuple[FieldError, ...],
        before: Document | None,
        unit: Unit,
    ) -> Document:
        """Answer with the errors; an accepted report under the same reference stays as it is."""
        receipt = reports.rejection(
            arrival.letter.reference,
            errors,
            position=arrival.record.position,
            now=arrival.received_at,
        )
        if before is not None and reports.stands(before):
            unit.save(reports.COLLECTION, reports.arrived_again(before))
        else:
            unit.save(
                reports.COLLECTION,
                reports.rejected(arrival, errors, before=before, receipt=receipt),
            )
        return receipt

    def _repeat(self, before: Document | None, unit: Unit) -> Document:
        if before is None:
            raise LookupError("a repeated report has no earlier one")
        unit.save(reports.COLLECTION, reports.arrived_again(before))
        receipt: Document = before["receipt"]
        return receipt

    def _acceptance(self, arrival: Arrived, case_id: UUID | None) -> Document:
        return reports.acceptance(
            arrival.letter.reference,
            receipt_id=self._index.receipt_id(arrival.report_id),
            case_id=case_id,
            now=arrival.received_at,
        )

    def _meet(
        self, report: Report, sealed: SealedReport, process: Process | None, unit: Unit
    ) -> frozenset[UUID]:
        """Store the people, and return those whose address is protected."""
        protected = set()
        for reported, person in zip(report.people, sealed.people, strict=True):
            party = None
            if process is not None:
                party = (process, self._index.party_id(person.person_id, process))
            if persons.meet(
                unit,
                person.person_id,
                person.cpr_mark,
                party=party,
                protected=reported.address_protected,
            ):
                protected.add(person.person_id)
        return frozenset(protected)

    def _note(
        self,
        arrival: Arrived,
        report: Report,
        sealed: SealedReport,
        case_id: UUID | None,
        unit: Unit,
    ) -> None:
        """Store the statements about people, and log the collection."""
        statements = persons.statements(
            arrival.report_id, sealed.people, partner=arrival.letter.partner, at=arrival.received_at
        )
        for row in statements:
            unit.add(persons.STATEMENTS, row)
        unit.add(
            processing_log.COLLECTION,
            processing_log.entry(
                Act.COLLECTED,
                row_id=f"collected|{arrival.report_id}",
                who=f"partner:{arrival.letter.partner}",
                why="a report was taken in",
                basis=domain.basis_of(report),
                report_id=arrival.report_id,
                case_id=case_id,
                person_ids=dict.fromkeys(sealed.person_ids),
            ),
        )


class RedriveProcessor(ReportProcessor):
    """Processes parked records again: each stand-in first gives its record back.

    It must never read a topic: there a partner could write a stand-in of its own.
    """

    async def prepare(self, records: Sequence[Record]) -> Sequence[Arrival]:
        """Open, check and seal the records that the stand-ins carry.

        Raises:
            Rejected: no record can be restored from a stand-in.

        """
        return await super().prepare(await self._reader.restored(records))


def _set_aside(arrival: Arrival, unit: Unit, reason: str, cause: str | None) -> None:
    explanation = withheld.explained(arrival.record, reason)
    unit.set_aside(arrival.record, explanation, cause or reason)


def _sealed(arrival: Arrived) -> SealedReport:
    if arrival.sealed is None:
        raise LookupError("a report to be stored was not sealed in preparation")
    return arrival.sealed
