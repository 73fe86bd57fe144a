"""A report: one sealed letter from a partner, and everything that must be true of it.

`check_report` reads an opened letter as untrusted input and returns the report, or raises every fault
it finds. What is odd but allowed is marked, not refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import Field, PrivateAttr, TypeAdapter, ValidationError

from shared.contracts.details import Details, details_of
from shared.contracts.disclosure import Disclosure
from shared.contracts.faults import faults_of, pointer
from shared.contracts.fields import FreeText, Moment, Sealed
from shared.contracts.opened import OpenedRefused, canonical, read_opened
from shared.contracts.people import MAX_PEOPLE, Person
from shared.contracts.processes import Process, ProposedBy
from shared.contracts.receipts import MAX_ERRORS, FieldError
from shared.contracts.references import REFERENCE
from shared.contracts.rules import Known, Sender, faults_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from shared.contracts.opened import Opened
    from shared.contracts.processes import PartnerKind

__all__ = [
    "Disclosure",
    "Mark",
    "MarkCode",
    "Person",
    "Report",
    "ReportRefused",
    "canonical",
    "check_report",
    "reference_inside",
]


class MarkCode(StrEnum):
    """What is odd about a report that was taken all the same."""

    CPR_CONTRADICTS_BIRTH_DATE = "cpr_contradicts_birth_date"
    OUTSIDE_PARTNER_MUNICIPALITIES = "outside_partner_municipalities"
    """The partner is registered for other municipalities than the one it reports from."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An oddity and its place, for those who handle the report."""

    field: str
    code: MarkCode


class Report(Sealed):
    """A report from a partner."""

    partner: str
    reference: Annotated[str, Field(json_schema_extra={"pattern": "^[A-Za-z0-9._-]{1,64}$"})]
    process: Annotated[Process, Field(strict=False)] | None
    """Null where triage is to decide."""
    municipality: str
    """Kommunekode: four digits."""
    occurred_at: Moment
    proposed_by: Annotated[ProposedBy, Field(strict=False)]
    people: Annotated[tuple[Person, ...], Field(strict=False, max_length=MAX_PEOPLE)]
    details: dict[str, Any] = Field(default_factory=dict)
    disclosure: Disclosure | None = None
    """What is shared under section 115: needed where the process is `psp` or `ssp`."""
    text: FreeText | None = None

    _marks: tuple[Mark, ...] = PrivateAttr(default=())

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What is odd, but was no reason to refuse."""
        return self._marks

    @property
    def details_read(self) -> Details:
        """The details by the model of the process; they were found in order before."""
        return details_of(self.process, self.details)


class ReportRefused(ValueError):
    """The letter is rejected; `errors` give the reasons, without quoting it."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)[:MAX_ERRORS]
        super().__init__(", ".join(sorted({error.rule for error in self.errors})))


def check_report(
    opened: bytes,
    *,
    partner: str,
    kind: PartnerKind,
    municipalities: Collection[str],
    reference: str,
    now: datetime,
) -> Report:
    """Return the report in an opened letter; raises `ReportRefused` with every fault found.

    `partner` and `reference` are those of the envelope, `kind` and `municipalities` what the
    partner was registered as, `now` is intake's clock.
    """
    try:
        read = read_opened(opened)
    except OpenedRefused as refused:
        raise ReportRefused(refused.errors) from None
    sender = Sender(partner=partner, kind=kind, reference=reference, now=now)
    report, errors = _shape(read)
    known = _known(read, report, errors)
    errors += _details_faults(known)
    errors += faults_in(known, sender)
    if errors or report is None:
        raise ReportRefused(errors)
    report._marks = _marks(report, municipalities)  # noqa: SLF001 - set where it is made
    return report


def reference_inside(opened: bytes) -> str | None:
    """Return the reference that a letter itself names, if one can be read at all."""
    try:
        reference = read_opened(opened).get("reference")
    except OpenedRefused:
        return None
    return reference if isinstance(reference, str) and REFERENCE.match(reference) else None


def _shape(read: Opened) -> tuple[Report | None, list[FieldError]]:
    try:
        return Report.model_validate(read), []
    except ValidationError as error:
        return None, faults_of(error)


def _details_faults(known: Known) -> list[FieldError]:
    details = known.raw.get("details", {})
    if not isinstance(details, dict) or not known.process_is_known:
        return []
    try:
        details_of(known.process, details)
    except ValidationError as error:
        return faults_of(error, ("details",))
    return []


_PROCESS: TypeAdapter[Process | None] = TypeAdapter(Annotated[Process, Field(strict=False)] | None)
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
_PERSON: TypeAdapter[Person] = TypeAdapter(Person)
_DISCLOSURE: TypeAdapter[Disclosure] = TypeAdapter(Disclosure)
_Read = TypeVar("_Read")


def _or_none(adapter: TypeAdapter[_Read], value: object) -> _Read | None:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return None


def _known(read: Opened, report: Report | None, errors: list[FieldError]) -> Known:
    """Gather what the rules can go by: the whole report, or the parts that its faults left whole."""
    if report is not None:
        return Known(
            raw=read,
            process=report.process,
            process_is_known=True,
            occurred_at=report.occurred_at,
            people=tuple(enumerate(report.people)),
            labels=frozenset(person.label for person in report.people),
            disclosure=report.disclosure,
        )
    listed = read.get("people")
    people = listed[:MAX_PEOPLE] if isinstance(listed, list) else []
    readable = [(index, _or_none(_PERSON, one)) for index, one in enumerate(people)]
    labels = (one.get("label") for one in people if isinstance(one, dict))
    return Known(
        raw=read,
        process=_or_none(_PROCESS, read.get("process")),
        process_is_known=not any(error.field == "/process" for error in errors),
        occurred_at=_or_none(_MOMENT, read.get("occurred_at")),
        people=tuple((index, person) for index, person in readable if person is not None),
        labels=frozenset(label for label in labels if isinstance(label, str)),
        disclosure=_or_none(_DISCLOSURE, read.get("disclosure")),
    )


def _marks(report: Report, municipalities: Collection[str]) -> tuple[Mark, ...]:
    marks = [
        Mark(pointer(("people", index, "cpr")), MarkCode.CPR_CONTRADICTS_BIRTH_DATE)
        for index, person in enumerate(report.people)
        if person.cpr_contradicts_birth_date
    ]
    if municipalities and report.municipality not in municipalities:
        marks.append(Mark("/municipality", MarkCode.OUTSIDE_PARTNER_MUNICIPALITIES))
    return tuple(marks)
