"""The rules of intake: what becomes of a report, and which parties its case has.

Pure: no I/O, no clock, no randomness. Ids come from outside, because they are keyed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from services.intake.ages import births_of, is_minor, minor_at, youngest
from shared.contracts.discovery import serving
from shared.contracts.intake import CaseOpened, Party, TriageOverdue, TriageWaiting
from shared.contracts.people import age_band
from shared.contracts.places import MUNICIPALITIES, ZONE
from shared.contracts.processes import PartnerKind, Process
from shared.contracts.receipts import FieldError, Rule
from shared.staff.audit import LegalBasis

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from shared.contracts.report import Report

__all__ = [
    "Known",
    "Letter",
    "OpensCase",
    "ReferenceConflict",
    "Rejection",
    "Repeated",
    "Status",
    "Verdict",
    "Waiting",
    "Waits",
    "WhyWaiting",
    "basis_of",
    "case_opened",
    "is_minor",
    "is_not_for_investigation",
    "judge",
    "parties_of",
    "review_on",
    "triage_overdue",
    "triage_waiting",
]

SERVED: Final = frozenset(serving())
"""The processes that a service runs. A report for another waits in triage, whole."""

REVIEW_AFTER: Final = timedelta(days=365)
"""When somebody must review whether the data is still needed. A choice, not law."""

UNBOUND: Final = frozenset({"/partner", "/reference"})
"""The fields that bind a letter to its envelope; errors there mean that it belongs to another."""

CONFLICT: Final = FieldError.of(
    "/reference", Rule.CONFLICT, "Another report was accepted under this reference, and it stands."
)


class Status(StrEnum):
    """The state of a report."""

    REJECTED = "rejected"
    WAITING = "waiting"
    """Accepted; triage decides what becomes of it."""
    ACCEPTED = "accepted"
    """Accepted, and a case is open."""


class WhyWaiting(StrEnum):
    """Why a report has no case yet."""

    NO_PROCESS = "no_process"
    """The partner leaves the choice to triage."""
    NO_SERVICE = "no_service"
    """No service runs this process yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a reference that was used before."""

    status: Status
    content: str | None
    """The keyed mark of the accepted content; None if nothing was accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One arrival that can be answered: its report, or its errors."""

    partner: str
    reference: str
    content: str | None = None
    """The keyed mark of its content; None if it could not be opened or is wrongly addressed."""
    report: Report | None = None
    """None if there are errors."""
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class OpensCase:
    """Accepted, and a case opens at once."""

    report: Report
    process: Process


@dataclass(frozen=True, slots=True)
class Waits:
    """Accepted, and kept whole for triage."""

    report: Report
    why: WhyWaiting


@dataclass(frozen=True, slots=True)
class Rejection:
    """Not accepted, for these errors. The partner may correct the report and send it again."""

    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class ReferenceConflict:
    """Not accepted: another content was accepted under this reference, and stays."""

    errors: tuple[FieldError, ...] = (CONFLICT,)


@dataclass(frozen=True, slots=True)
class Repeated:
    """Accepted before with the same content: it gets the same receipt again, and nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A report on which triage has not decided yet."""

    report_id: UUID
    municipality: str
    since: datetime
    due_at: datetime
    overdue: bool
    """Whether `TriageOverdue` was already emitted."""


Verdict = OpensCase | Waits | Rejection | ReferenceConflict | Repeated


def judge(letter: Letter, known: Known | None) -> Verdict:
    """Decide what becomes of a letter, given the earlier ones under its reference.

    A letter is compared with the accepted content before it is checked again: rules and
    registrations change, and that must not take back a receipt.
    """
    if known is not None and known.status is not Status.REJECTED and letter.content is not None:
        if letter.content == known.content:
            return Repeated()
        if not any(error.field in UNBOUND for error in letter.errors):
            return ReferenceConflict()
    if letter.errors or letter.report is None:
        return Rejection(letter.errors)
    process = letter.report.process
    if process is None:
        return Waits(letter.report, WhyWaiting.NO_PROCESS)
    if process not in SERVED:
        return Waits(letter.report, WhyWaiting.NO_SERVICE)
    return OpensCase(letter.report, process)


def parties_of(
    report: Report,
    person_ids: Sequence[UUID],
    *,
    protected: Collection[UUID],
    party_id: Callable[[UUID], UUID],
    received_at: datetime,
) -> tuple[Party, ...]:
    """Return the parties of a case, under the pseudonyms of one process.

    `person_ids` are in the order of `report.people`; `protected` are the persons whose address any
    report ever called protected. A person who stands in the report twice in one role is one
    party; in two roles there are two entries under one `party_id`.
    """
    by_label = {
        person.label: person_id for person, person_id in zip(report.people, person_ids, strict=True)
    }
    holders: dict[UUID, dict[UUID, None]] = {}
    for person, person_id in zip(report.people, person_ids, strict=True):
        for child in (by_label[label] for label in person.custody_of):
            if child != person_id:
                holders.setdefault(child, {})[party_id(person_id)] = None

    parties: dict[tuple[UUID, str], Party] = {}
    for person, person_id in zip(report.people, person_ids, strict=True):
        births = _births_in(report, person_ids, person_id)
        party = Party(
            party_id=party_id(person_id),
            role=person.role,
            category=person.category,
            minor=minor_at(births, received_at),
            age_band=age_band(youngest(births, received_at)),
            custody_holders=tuple(holders.get(person_id, {})),
            address_protected=person_id in protected,
        )
        parties.setdefault((person_id, person.role.value), party)
    return tuple(parties.values())


def _births_in(report: Report, person_ids: Sequence[UUID], person_id: UUID) -> set[date]:
    """Return the days of birth that anything in the report states about the person."""
    return {
        day
        for person, same in zip(report.people, person_ids, strict=True)
        if same == person_id
        for day in births_of(person)
    }


def case_opened(
    case_id: UUID,
    opens: OpensCase,
    *,
    kind: PartnerKind,
    parties: tuple[Party, ...],
    received_at: datetime,
) -> CaseOpened:
    """Return the fact that opens a case, with what its municipality determines."""
    place = MUNICIPALITIES[opens.report.municipality]
    return CaseOpened(
        case_id=case_id,
        process=opens.process,
        municipality=place.code,
        patrol_centre=place.patrol_centre,
        psychiatry_region=place.psychiatry_region if opens.process is Process.PSP else None,
        reported_at=received_at,
        occurred_at=opens.report.occurred_at,
        reporter_kind=kind,
        parties=parties,
    )


def triage_waiting(
    report_id: UUID, waits: Waits, *, received_at: datetime, due_at: datetime
) -> TriageWaiting:
    """Return the fact that a report waits for triage."""
    return TriageWaiting(
        report_id=report_id,
        municipality=waits.report.municipality,
        since=received_at,
        due_at=due_at,
    )


def triage_overdue(waiting: Waiting, now: datetime) -> TriageOverdue | None:
    """Return the fact that a report waited too long; None if it was emitted, or time is left."""
    if waiting.overdue or now < waiting.due_at:
        return None
    return TriageOverdue(
        report_id=waiting.report_id,
        municipality=waiting.municipality,
        since=waiting.since,
        due_at=waiting.due_at,
    )


def is_not_for_investigation(report: Report) -> bool:
    """Return whether it was disclosed under section 115, which bars its use in an investigation."""
    return report.disclosure is not None or report.process in {Process.PSP, Process.SSP}


def basis_of(report: Report) -> LegalBasis:
    """Return the legal basis for keeping a report."""
    if is_not_for_investigation(report):
        return LegalBasis.SECTION_115
    match report.process:
        case Process.MEDIATION:
            return LegalBasis.MEDIATION_ACT
        case Process.YOUTH_BOARD:
            return LegalBasis.YOUTH_CRIME_ACT
        case Process.YOUTH_COUNCIL:
            return LegalBasis.CRIMINAL_CASE
        case _:
            return LegalBasis.PREVENTION


def review_on(received_at: datetime) -> date:
    """Return by which day somebody must review whether it is still needed."""
    return (received_at.astimezone(ZONE) + REVIEW_AFTER).date()
