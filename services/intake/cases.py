"""Cases in MongoDB: each with its pseudonyms, and the sealed content of its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from services.intake import domain

if TYPE_CHECKING:
    from uuid import UUID

    from services.intake.sealed_report import SealedReport
    from shared.contracts.intake import CaseOpened
    from shared.contracts.report import Report

__all__ = ["COLLECTION", "key_name", "opened"]

COLLECTION: Final = "cases"

Document = dict[str, Any]


def key_name(case_id: UUID | str) -> str:
    """Return the name of the data key for a case's content; it is destroyed with the case."""
    return f"case:{case_id}"


def opened(fact: CaseOpened, report: Report, sealed: SealedReport, *, report_id: UUID) -> Document:
    """Return a new case's document: the fields of the fact, and those that only intake keeps."""
    fields = fact.model_dump(mode="json")
    return {
        "_id": fields.pop("case_id"),
        **fields,
        "reported_at": fact.reported_at,
        "occurred_at": fact.occurred_at,
        "reports": [str(report_id)],
        "sealed": sealed.rest,
        "basis": domain.basis_of(report).value,
        "not_for_investigation": domain.is_not_for_investigation(report),
        "review_on": domain.review_on(fact.reported_at).isoformat(),
    }
