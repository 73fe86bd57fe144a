"""Reports in MongoDB: one document per partner and reference, with its receipt.

The document holds ids, codes, times, keyed marks and the partner's own reference; none of these
needs opening. The content of the report is sealed, under the case once there is one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from services.intake import domain
from services.intake.domain import Known, Status, Waiting
from shared.contracts.envelope import Envelope
from shared.contracts.receipts import REPLIES_SOURCE, Receipt, ReportAccepted, ReportRejected
from shared.engine import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pymongo.asynchronous.database import AsyncDatabase

    from services.intake.arrivals import Arrived
    from services.intake.domain import Letter, Waits
    from services.intake.sealed_report import SealedReport
    from shared.contracts.receipts import FieldError
    from shared.contracts.report import Report

__all__ = [
    "COLLECTION",
    "acceptance",
    "accepted_among",
    "arrived_again",
    "key_name",
    "known",
    "rejected",
    "rejection",
    "replied",
    "stands",
    "taken",
    "waiting",
    "waiting_of",
    "with_case",
]

COLLECTION: Final = "reports"

_REJECTIONS: Final = uuid5(NAMESPACE_URL, "samraad:rejections")

Document = dict[str, Any]


def key_name(report_id: UUID | str) -> str:
    """Return the name of the data key of a report that has no case yet."""
    return f"report:{report_id}"


def known(document: Document | None) -> Known | None:
    """Return what is known of earlier letters under a reference; None if there were none."""
    if document is None:
        return None
    return Known(status=Status(document["status"]), content=document["content"])


def stands(document: Document) -> bool:
    """Return whether the report was accepted: later letters do not change it then."""
    return Status(document["status"]) is not Status.REJECTED


async def accepted_among(db: AsyncDatabase[Document], report_ids: Iterable[UUID]) -> set[UUID]:
    """Return which of the reports were accepted, in one query."""
    wanted = sorted(map(str, report_ids))
    if not wanted:
        return set()
    taken = {"$in": [Status.WAITING.value, Status.ACCEPTED.value]}
    found = db[COLLECTION].find({"_id": {"$in": wanted}, "status": taken}, {"_id": 1})
    return {UUID(document["_id"]) async for document in found}


def acceptance(
    reference: str, *, receipt_id: UUID, case_id: UUID | None, now: datetime
) -> Document:
    """Return the receipt of an accepted report; a report has only one such receipt."""
    return _receipt(ReportAccepted(reference=reference, case_id=case_id), receipt_id, now)


def rejection(
    reference: str, errors: tuple[FieldError, ...], *, position: str, now: datetime
) -> Document:
    """Return the receipt of a rejected arrival; its id comes from the record's position."""
    receipt = ReportRejected(reference=reference, errors=errors)
    return _receipt(receipt, uuid5(_REJECTIONS, position), now)


def replied(letter: Letter, receipt: Document) -> Message:
    """Return the reply that carries a receipt: one stored receipt always gives the same bytes."""
    envelope = Envelope(
        id=receipt["ce_id"],
        source=REPLIES_SOURCE,
        type=receipt["ce_type"],
        time=datetime.fromisoformat(receipt["ce_time"]),
        subject=letter.reference,
    )
    topic = f"partner.{letter.partner}.replies"
    return Message(topic, letter.reference, envelope, receipt["body"])


def taken(
    arrival: Arrived,
    report: Report,
    sealed: SealedReport,
    *,
    before: Document | None,
    receipt: Document,
) -> Document:
    """Return the fields that every accepted report has, with a case or in triage."""
    places = {person.label: place for place, person in enumerate(report.people)}
    return {
        "_id": str(arrival.report_id),
        "partner": arrival.letter.partner,
        "reference": arrival.letter.reference,
        "process": None if report.process is None else report.process.value,
        "municipality": report.municipality,
        "proposed_by": report.proposed_by.value,
        "occurred_at": report.occurred_at.astimezone(UTC),
        "received_at": arrival.received_at,
        "content": arrival.letter.content,
        "receipt": receipt,
        "errors": [],
        "danger_to_life": report.details_read.danger_to_life is True,
        "disclosure_form": None if report.disclosure is None else report.disclosure.form.value,
        "marks": [{"field": mark.field, "code": mark.code.value} for mark in report.marks],
        "people": [
            {
                "person_id": str(person_id),
                "role": person.role.value,
                "category": person.category.value,
                "custody_of": [places[label] for label in person.custody_of],
                "custody": None if person.custody is None else person.custody.value,
            }
            for person, person_id in zip(report.people, sealed.person_ids, strict=True)
        ],
        "basis": domain.basis_of(report).value,
        "not_for_investigation": domain.is_not_for_investigation(report),
        "review_on": domain.review_on(arrival.received_at).isoformat(),
        "arrivals": _arrivals(before),
    }


def with_case(case_id: UUID) -> Document:
    """Return the fields of a report with a case; its content is stored with the case."""
    return {"status": Status.ACCEPTED.value, "case_id": str(case_id), "why_waiting": None}


def waiting(waits: Waits, sealed: SealedReport, *, due_at: datetime) -> Document:
    """Return the fields of a report in triage, with its deadline and its sealed content."""
    return {
        "due_at": due_at,
        "overdue": False,
        "status": Status.WAITING.value,
        "case_id": None,
        "why_waiting": waits.why.value,
        "sealed": sealed.rest,
    }


def waiting_of(document: Document | None) -> Waiting | None:
    """Read a report that waits for triage; None if it does not wait, or no longer."""
    if document is None or Status(document["status"]) is not Status.WAITING:
        return None
    return Waiting(
        report_id=UUID(document["_id"]),
        municipality=document["municipality"],
        since=document["received_at"],
        due_at=document["due_at"],
        overdue=document["overdue"],
    )


def rejected(
    arrival: Arrived,
    errors: tuple[FieldError, ...],
    *,
    before: Document | None,
    receipt: Document,
) -> Document:
    """Return the document of a rejected report: the receipt, and nothing of the content."""
    return {
        "_id": str(arrival.report_id),
        "partner": arrival.letter.partner,
        "reference": arrival.letter.reference,
        "status": Status.REJECTED.value,
        "content": None,
        "received_at": arrival.received_at,
        "receipt": receipt,
        "errors": [error.model_dump() for error in errors],
        "case_id": None,
        "arrivals": _arrivals(before),
    }


def arrived_again(before: Document) -> Document:
    """Count one more arrival of a stored report; nothing else changes."""
    return {**before, "arrivals": _arrivals(before)}


def _arrivals(before: Document | None) -> int:
    return 1 if before is None else int(before["arrivals"]) + 1


def _receipt(receipt: Receipt, receipt_id: UUID, now: datetime) -> Document:
    return {
        "ce_id": str(receipt_id),
        "ce_type": receipt.type,
        "ce_time": now.astimezone(UTC).isoformat(),
        "body": receipt.write(),
    }
