"""Cases in MongoDB: what a report opened, under its pseudonyms, with what it says sealed beside it."""

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
    """Name the data key of what reports say of a case; it dies with the case."""
    return f"case:{case_id}"


def opened(fact: CaseOpened, report: Report, sealed: SealedReport, *, report_id: UUID) -> Document:
    """Write a case at its birth, as the fact tells it, with what only intake keeps."""
    told = fact.model_dump(mode="json")
    return {
        "_id": told.pop("case_id"),
        **told,
        "reported_at": fact.reported_at,
        "occurred_at": fact.occurred_at,
        "reports": [str(report_id)],
        "sealed": sealed.rest,
        "basis": domain.basis_of(report).value,
        "not_for_investigation": domain.is_not_for_investigation(report),
        "review_on": domain.review_on(fact.reported_at).isoformat(),
    }
