"""What must be true of a report beyond its shape (design.md section 4, domain.md section 12).

The rules read only what could be read: a fault in one field does not hide one in another. Each
yields its faults with a pointer and a code, and quotes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from shared.contracts.disclosure import FORM_OF_PROCESS, Disclosure, disclosure_faults
from shared.contracts.people import Person, age_on
from shared.contracts.places import MUNICIPALITIES, ZONE
from shared.contracts.processes import ACCUSING_KINDS, Category, PartnerKind, Process
from shared.contracts.receipts import FieldError, Rule
from shared.contracts.references import REFERENCE, is_cpr_shaped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from shared.contracts.opened import Opened

__all__ = [
    "AHEAD",
    "Known",
    "Sender",
    "acknowledgement_faults",
    "addressing_faults",
    "faults_in",
    "people_faults",
    "reference_faults",
]

AHEAD: Final = timedelta(minutes=5)
"""How far a partner's clock may run ahead of ours."""

CRIMINAL_LIABILITY: Final = 15
"""Years: below, nobody is a suspect outside the youth crime board's track."""
YOUTH_BOARD_FROM: Final = 10
"""Years: below, nobody is ever a suspect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What is known of a letter without opening it."""

    partner: str
    kind: PartnerKind
    reference: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What could be read of a report: all of it, or what its faults left."""

    raw: Opened
    process: Process | None
    process_is_known: bool
    """False where the process itself could not be read: then None does not mean triage."""
    occurred_at: datetime | None
    people: tuple[tuple[int, Person], ...]
    """By place in the report."""
    labels: frozenset[str]
    """Of everybody, also of those who could not be read."""
    disclosure: Disclosure | None


def faults_in(known: Known, sender: Sender) -> Iterator[FieldError]:
    """Every fault that the rules find."""
    yield from addressing_faults(known.raw, sender)
    yield from _place_faults(known)
    if known.occurred_at is not None and known.occurred_at > sender.now + AHEAD:
        yield FieldError.of(
            "/occurred_at", Rule.IN_THE_FUTURE, "Must not lie more than 5 minutes ahead."
        )
    yield from people_faults(known, sender)
    yield from acknowledgement_faults(known.raw, sender)
    yield from _disclosure_faults(known)
    yield from _item_faults(known.disclosure, sender.now)


def reference_faults(field: str, reference: str) -> Iterator[FieldError]:
    """Find the faults of a reference inside a letter."""
    if not REFERENCE.match(reference):
        yield FieldError.of(
            field, Rule.MALFORMED, "Must be 1 to 64 letters, digits, dots, lines and hyphens."
        )
    elif is_cpr_shaped(reference):
        yield FieldError.of(
            field, Rule.LOOKS_LIKE_CPR, "Must not look like a CPR number: it is not sealed."
        )


def addressing_faults(raw: Opened, sender: Sender) -> Iterator[FieldError]:
    """Check that the seal is bound to its envelope: a letter cannot be sent on under another name."""
    partner, reference = raw.get("partner"), raw.get("reference")
    if isinstance(partner, str) and partner != sender.partner:
        yield FieldError.of("/partner", Rule.MISMATCH, "Must be the partner that sends it.")
    if isinstance(reference, str):
        yield from reference_faults("/reference", reference)
        if reference != sender.reference:
            yield FieldError.of("/reference", Rule.MISMATCH, "Must be that of the envelope.")


def _place_faults(known: Known) -> Iterator[FieldError]:
    code = known.raw.get("municipality")
    if not isinstance(code, str):
        return
    municipality = MUNICIPALITIES.get(code)
    if municipality is None:
        yield FieldError.of(
            "/municipality", Rule.UNKNOWN_MUNICIPALITY, "Must be a municipality of the district."
        )
    elif known.process is Process.YOUTH_COUNCIL and not municipality.has_youth_council:
        yield FieldError.of(
            "/municipality", Rule.NO_YOUTH_COUNCIL, "This municipality has no youth council."
        )


def people_faults(known: Known, sender: Sender) -> Iterator[FieldError]:
    """Find labels that contradict each other, and categories that may not be stated."""
    seen: set[str] = set()
    for index, person in known.people:
        at = f"/people/{index}"
        if person.label in seen:
            yield FieldError.of(
                f"{at}/label", Rule.DUPLICATE_LABEL, "Another person has this label already."
            )
        seen.add(person.label)
        yield from _custody_faults(at, person, known.labels)
        yield from _category_faults(at, person, known, sender)
        yield from _birth_faults(at, person, sender.now)


def _custody_faults(at: str, person: Person, labels: frozenset[str]) -> Iterator[FieldError]:
    for index, label in enumerate(person.custody_of):
        field = f"{at}/custody_of/{index}"
        if label not in labels:
            yield FieldError.of(field, Rule.UNKNOWN_LABEL, "No person has this label.")
        elif label == person.label:
            yield FieldError.of(field, Rule.OWN_CUSTODY, "Nobody holds custody of themselves.")


def _category_faults(at: str, person: Person, known: Known, sender: Sender) -> Iterator[FieldError]:
    """Check that the sender may state the category, and that the person is old enough for it."""
    if person.category not in {Category.SUSPECT, Category.CONVICTED}:
        return
    field = f"{at}/category"
    if sender.kind not in ACCUSING_KINDS:
        yield FieldError.of(
            field, Rule.NOT_FROM_THIS_KIND, "A partner of this kind cannot say this of anybody."
        )
    if person.born is None or known.occurred_at is None:
        return
    age = age_on(person.born, known.occurred_at)
    if age >= CRIMINAL_LIABILITY:
        return
    if person.category is Category.CONVICTED:
        yield FieldError.of(
            field, Rule.CONVICTED_UNDER_15, "Nobody under 15 has been sentenced for anything."
        )
    elif age < YOUTH_BOARD_FROM:
        yield FieldError.of(field, Rule.SUSPECT_UNDER_10, "This is never said of anybody under 10.")
    elif known.process_is_known and known.process is not Process.YOUTH_BOARD:
        yield FieldError.of(
            field,
            Rule.SUSPECT_UNDER_15,
            "Of anybody under 15 this is said before the youth crime board alone.",
        )


def _birth_faults(at: str, person: Person, now: datetime) -> Iterator[FieldError]:
    if person.birth_date is not None and person.birth_date > _today(now):
        yield FieldError.of(f"{at}/birth_date", Rule.IN_THE_FUTURE, "Must not lie after today.")


def _item_faults(disclosure: Disclosure | None, now: datetime) -> Iterator[FieldError]:
    """Nobody shares what is from a day that is yet to come."""
    for index, item in enumerate(() if disclosure is None else disclosure.items):
        if item.date > _today(now):
            yield FieldError.of(
                f"/disclosure/items/{index}/date", Rule.IN_THE_FUTURE, "Must not lie after today."
            )


def _today(now: datetime) -> date:
    """Give the day it is here, by the clock of a partner that runs as far ahead as it may."""
    return (now + AHEAD).astimezone(ZONE).date()


def acknowledgement_faults(raw: Opened, sender: Sender) -> Iterator[FieldError]:
    """Check that a partner of this kind may state an admission of the act, in any process."""
    details = raw.get("details")
    if (
        isinstance(details, dict)
        and details.get("acknowledgement") is not None
        and sender.kind not in ACCUSING_KINDS
    ):
        yield FieldError.of(
            "/details/acknowledgement",
            Rule.NOT_FROM_THIS_KIND,
            "A partner of this kind cannot say that an act was admitted.",
        )


def _disclosure_faults(known: Known) -> Iterator[FieldError]:
    if not known.process_is_known:
        return
    has_disclosure = known.raw.get("disclosure") is not None
    if known.process in FORM_OF_PROCESS and not has_disclosure:
        yield FieldError.of(
            "/disclosure",
            Rule.DISCLOSURE_MISSING,
            "This process is a disclosure: one must be there.",
        )
    elif has_disclosure and known.process is not None and known.process not in FORM_OF_PROCESS:
        yield FieldError.of(
            "/disclosure",
            Rule.DISCLOSURE_NOT_ALLOWED,
            "What is shared under section 115 does not go into this process.",
        )
    elif known.disclosure is not None:
        yield from disclosure_faults(known.disclosure, known.process)
