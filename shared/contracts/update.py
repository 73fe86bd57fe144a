"""An update: what changed about a report that was accepted before.

Sealed and answered like a report, under a reference of its own; `about` names the earlier one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError

from shared.contracts.faults import faults_of
from shared.contracts.fields import FreeText, Sealed
from shared.contracts.opened import OpenedRefused, read_opened
from shared.contracts.people import MAX_PEOPLE, Person
from shared.contracts.processes import ACCUSING_KINDS, PartnerKind
from shared.contracts.receipts import FieldError, Rule
from shared.contracts.report import ReportRefused
from shared.contracts.rules import (
    Known,
    Sender,
    acknowledgement_faults,
    addressing_faults,
    people_faults,
    reference_faults,
)

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Update", "UpdateKind", "check_update"]


class UpdateKind(StrEnum):
    """What an update is about."""

    ACKNOWLEDGEMENT = "acknowledgement"
    """The act was in the main admitted, or no longer is."""
    TRIAL_DATE = "trial_date"
    """A trial has a date, or another."""
    DECISION = "decision"
    """A prosecutor, court or authority has decided."""
    CONTACT = "contact"
    """How somebody can be reached has changed."""
    WITHDRAWN = "withdrawn"
    """The partner takes its report back."""
    ACTION_STATUS = "action_status"
    """An agreed action has moved on."""
    RECEIVED = "received"
    """What was disclosed has arrived."""
    DAILY_REPORT_MENTION = "daily_report_mention"
    """The citizen stood in the police's daily report again."""


class Update(Sealed):
    """An update from a partner about an earlier report of its own."""

    partner: str
    reference: Annotated[str, Field(json_schema_extra={"pattern": "^[A-Za-z0-9._-]{1,64}$"})]
    about: Annotated[str, Field(json_schema_extra={"pattern": "^[A-Za-z0-9._-]{1,64}$"})]
    """The reference of the earlier report."""
    kind: Annotated[UpdateKind, Field(strict=False)]
    people: Annotated[tuple[Person, ...], Field(strict=False, max_length=MAX_PEOPLE)] = ()
    details: dict[str, Any] = Field(default_factory=dict)
    text: FreeText | None = None


def check_update(
    opened: bytes, *, partner: str, kind: PartnerKind, reference: str, now: datetime
) -> Update:
    """Return the update in an opened letter; raises `ReportRefused` with every fault found.

    Whether `about` names a report of this partner, intake alone knows (`unknown_reference`); the
    process, and with it a child's age, is judged there against the case.
    """
    try:
        read = read_opened(opened)
    except OpenedRefused as refused:
        raise ReportRefused(refused.errors) from None
    try:
        update = Update.model_validate(read)
    except ValidationError as error:
        raise ReportRefused(faults_of(error)) from None
    sender = Sender(partner=partner, kind=kind, reference=reference, now=now)
    known = Known(
        raw=read,
        process=None,
        process_is_known=False,
        occurred_at=now,
        people=tuple(enumerate(update.people)),
        labels=frozenset(person.label for person in update.people),
        disclosure=None,
    )
    errors = [
        *addressing_faults(read, sender),
        *reference_faults("/about", update.about),
        *people_faults(known, sender),
        *acknowledgement_faults(read, sender),
    ]
    if update.kind is UpdateKind.ACKNOWLEDGEMENT and kind not in ACCUSING_KINDS:
        message = "A partner of this kind cannot say that an act was admitted."
        errors.append(FieldError.of("/kind", Rule.NOT_FROM_THIS_KIND, message))
    if errors:
        raise ReportRefused(errors)
    return update
