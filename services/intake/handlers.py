"""Kafka in: a partner's records become reports, people, cases, facts and receipts, in one step.

Before the transaction letters are opened and checked, and what they say is sealed under keys that
are made if need be: harmless to repeat. In the transaction each letter is judged against what
stands under its reference at that moment, earlier letters of the same slice included.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, assert_never

from pymongo.errors import PyMongoError

from services.intake import (
    audit,
    cases,
    domain,
    opening,
    partners,
    persons,
    reports,
    withheld,
)
from services.intake.arrivals import Arrival, Arrived, LeftOut
from services.intake.audit import Act
from services.intake.domain import Conflict, OpensCase, Rejected, Repeated, Waits
from services.intake.opening import UNKNOWN_PARTNER, Unanswerable
from services.intake.partners import PartnerStatus
from services.intake.sealing import part, seal_all
from shared.engine.store import translated
from shared.errors import Unavailable
from shared.keys import KeyDestroyed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from pymongo.asynchronous.database import AsyncDatabase

    from services.intake.blind import BlindIndex
    from services.intake.seal_keys import SealKeyDirectory
    from services.intake.sealing import SealedReport
    from shared.contracts.processes import Process
    from shared.contracts.receipts import FieldError
    from shared.contracts.report import Report
    from shared.engine import Record, Unit
    from shared.keys import Keys

__all__ = ["ReportDoor"]

MOST_PEOPLE: Final = 100
"""In one slice: each may need a key of its own, about 1 ms."""

_OPENED_AT_A_TIME: Final = 16
"""Letters opened before others on the loop get a turn; each takes some 200 µs."""

Document = dict[str, Any]


class ReportDoor:
    """The door of the partners' topics."""

    most: int = 100

    def __init__(
        self,
        db: AsyncDatabase[Document],
        *,
        keys: Keys,
        index: BlindIndex,
        seal_keys: SealKeyDirectory,
        clock: Callable[[], datetime],
    ) -> None:
        self._db = db
        self._keys = keys
        self._index = index
        self._seal_keys = seal_keys
        self._clock = clock

    async def prepare(self, records: Sequence[Record]) -> Sequence[Arrival]:
        """Open, check and seal; make the keys that are missing.

        Raises:
            Unavailable: MongoDB, the data keys or the seal keys cannot be had now.

        """
        try:
            whole = [await withheld.restore(record, self._keys) for record in records]
            arrivals = _within_bounds(await self._open(whole))
            return await self._withhold(await self._seal(arrivals))
        except PyMongoError as error:
            raise translated(error) from error
        except KeyDestroyed:
            raise Unavailable("a key was destroyed while it was about to be used") from None

    def case_of(self, arrival: Arrival) -> str | None:  # noqa: ARG002 - the same for every letter
        """Say that no letter has a place in the order of a case."""
        return None

    def needs(self, arrival: Arrival) -> Mapping[str, Iterable[str]]:
        """Want what stands under its reference, and the people of what is new."""
        if isinstance(arrival, LeftOut):
            return {}
        wanted = {reports.COLLECTION: [str(arrival.report_id)]}
        if arrival.sealed is not None:
            wanted[persons.COLLECTION] = [str(each) for each in arrival.sealed.person_ids]
            wanted[cases.COLLECTION] = [str(self._index.case_id(arrival.report_id))]
        return wanted

    def take(self, arrival: Arrival, unit: Unit) -> None:
        """Judge the letter and answer it, or set it aside whole where no answer can be sent."""
        if isinstance(arrival, LeftOut):
            unit.set_aside(arrival.record, arrival.reason)
            return
        before = unit.load(reports.COLLECTION, str(arrival.report_id))
        verdict = domain.judge(arrival.letter, reports.known(before))
        match verdict:
            case OpensCase():
                receipt = self._open_case(arrival, verdict, before, unit)
            case Waits():
                receipt = self._keep_waiting(arrival, verdict, before, unit)
            case Rejected(errors) | Conflict(errors):
                receipt = self._reject(arrival, errors, before, unit)
            case Repeated():
                receipt = self._repeat(before, unit)
            case _:
                assert_never(verdict)
        unit.send(reports.replied(arrival.letter, receipt))

    def park(self, arrival: Arrival, unit: Unit, reason: str, cause: str) -> None:  # noqa: ARG002 - every cause alike
        """Set aside whole what failed through no fault of its partner: a redrive answers it."""
        unit.set_aside(arrival.record, reason)

    async def _open(self, records: Sequence[Record]) -> list[Arrival]:
        owners = [opening.partner_of(record.topic) for record in records]
        known = await partners.known_as(self._db, (owner for owner in owners if owner is not None))
        try:
            keys = self._seal_keys.opening()
        except (OSError, ValueError) as error:
            raise Unavailable(f"the seal keys cannot be read: {error}") from error
        now = self._clock()
        arrivals: list[Arrival] = []
        for record, owner in zip(records, owners, strict=True):
            partner = known.get(owner or "")
            if partner is None or partner.status is PartnerStatus.REMOVED:
                arrivals.append(LeftOut(record, UNKNOWN_PARTNER))
                continue
            try:
                read = opening.read_letter(record, partner, keys=keys, index=self._index, now=now)
            except Exception as error:  # noqa: BLE001 - a stranger's bytes: one letter stops no other
                read = Unanswerable(f"reading it failed with {type(error).__name__}")
            if isinstance(read, Unanswerable):
                arrivals.append(LeftOut(record, read.reason))
                continue
            arrivals.append(
                Arrived(
                    record=record,
                    letter=read.letter,
                    kind=partner.kind,
                    report_id=self._index.report_id(partner.id, read.letter.reference),
                    opened=read.opened,
                )
            )
            if len(arrivals) % _OPENED_AT_A_TIME == 0:
                await asyncio.sleep(0)
        return arrivals

    async def _seal(self, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Seal what may be new; a report that stands here ten times, once."""
        good = [
            (each, each.letter.report)
            for each in arrivals
            if isinstance(each, Arrived) and each.letter.report is not None
        ]
        accepted = await reports.accepted_among(self._db, {each.report_id for each, _ in good})
        new = [(each, report) for each, report in good if each.report_id not in accepted]
        known = await persons.marked_with(
            self._db,
            {
                self._index.cpr(person.cpr)
                for _, report in new
                for person in report.people
                if person.cpr is not None
            },
        )
        parted = {
            each.identity: part(
                report, each.opened, report_id=each.report_id, index=self._index, known=known
            )
            for each, report in new
        }
        sealed = await seal_all(parted, self._keys)
        return [
            replace(each, sealed=sealed.get(each.identity)) if isinstance(each, Arrived) else each
            for each in arrivals
        ]

    async def _withhold(self, arrivals: Sequence[Arrival]) -> list[Arrival]:
        """Make what cannot be answered unreadable, before it is set aside."""
        if any(isinstance(each, LeftOut) for each in arrivals):
            await self._keys.ensure([withheld.KEY_NAME])
        return [
            replace(each, record=await withheld.withhold(each.record, self._keys))
            if isinstance(each, LeftOut)
            else each
            for each in arrivals
        ]

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
        receipt = self._acceptance(arrival, case_id, unit.now)
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
        return receipt

    def _keep_waiting(
        self, arrival: Arrived, waits: Waits, before: Document | None, unit: Unit
    ) -> Document:
        sealed = _sealed(arrival)
        self._meet(waits.report, sealed, None, unit)
        receipt = self._acceptance(arrival, None, unit.now)
        unit.save(
            reports.COLLECTION,
            reports.taken(arrival, waits.report, sealed, before=before, receipt=receipt)
            | reports.waiting(waits, sealed),
        )
        self._note(arrival, waits.report, sealed, None, unit)
        unit.emit(
            domain.triage_waiting(arrival.report_id, waits, received_at=arrival.received_at),
            counted_in=(reports.COLLECTION, str(arrival.report_id)),
        )
        return receipt

    def _reject(
        self,
        arrival: Arrived,
        errors: tuple[FieldError, ...],
        before: Document | None,
        unit: Unit,
    ) -> Document:
        """Answer what is wrong; what was accepted under the reference stands as it is."""
        receipt = reports.rejection(
            arrival.letter.reference, errors, position=arrival.record.position, now=unit.now
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
            raise LookupError("a repeated report has nothing that it repeats")
        unit.save(reports.COLLECTION, reports.arrived_again(before))
        receipt: Document = before["receipt"]
        return receipt

    def _acceptance(self, arrival: Arrived, case_id: UUID | None, now: datetime) -> Document:
        return reports.acceptance(
            arrival.letter.reference,
            receipt_id=self._index.receipt_id(arrival.report_id),
            case_id=case_id,
            now=now,
        )

    def _meet(
        self, report: Report, sealed: SealedReport, process: Process | None, unit: Unit
    ) -> frozenset[UUID]:
        """Know the people from now on; return those whose address is protected."""
        protected = set()
        for said, person in zip(report.people, sealed.people, strict=True):
            party = None
            if process is not None:
                party = (process, self._index.party_id(person.person_id, process))
            if persons.meet(unit, person, party=party, protected=said.address_protected):
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
        """Keep what was said, and log that it was taken in."""
        said = persons.said(
            arrival.report_id, sealed.people, partner=arrival.letter.partner, at=arrival.received_at
        )
        for row in said:
            unit.add(persons.SAID, row)
        unit.add(
            audit.COLLECTION,
            audit.entry(
                Act.COLLECTED,
                row_id=f"collected|{arrival.report_id}",
                at=unit.now,
                who=f"partner:{arrival.letter.partner}",
                why="a report was taken in",
                basis=domain.basis_of(report),
                report_id=arrival.report_id,
                case_id=case_id,
                person_ids=dict.fromkeys(sealed.person_ids),
            ),
        )


def _within_bounds(arrivals: Sequence[Arrival]) -> Sequence[Arrival]:
    """Take as many letters as hold `MOST_PEOPLE` together, and always the first."""
    people = 0
    for place, arrival in enumerate(arrivals):
        if isinstance(arrival, Arrived) and arrival.letter.report is not None:
            people += len(arrival.letter.report.people)
        if people > MOST_PEOPLE and place > 0:
            return arrivals[:place]
    return arrivals


def _sealed(arrival: Arrived) -> SealedReport:
    if arrival.sealed is None:
        raise LookupError("a report that is to be kept was not sealed ahead")
    return arrival.sealed
