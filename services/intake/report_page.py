"""The page of one report: what is known of it in codes, and what staff may do with it.

It shows no name and no free text: they come with the frame in which intake shows names for a purpose.
Each reading is logged first.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.intake.commands import COMMANDS, NOTES
from services.intake.desk_reports import DESK_REPORTS
from services.intake.domain import Status, WhyWaiting
from services.intake.words import PROCESSES, REASONS, SOURCES
from shared.cases.commands.forms import Returned
from shared.cases.reading_log import CaseReading, log_denied, log_reading
from shared.contracts.places import place_name
from shared.contracts.processes import Process, ProposedBy
from shared.contracts.references import case_reference
from shared.engine import Store
from shared.staff.access import Action, Staff, may
from shared.staff.audit import LegalBasis
from shared.web import N_, LoggedIn, missing, render, words
from shared.web.roles import role_words

__all__ = ["make_report_page"]

STATUSES: Final = {
    Status.WAITING: N_("Venter på afgørelse"),
    Status.ACCEPTED: N_("Har en sag"),
}
FORMS: Final = {
    "PSP": N_("PSP: politi, socialforvaltning og psykiatri"),
    "SSP": N_("SSP: skole, socialforvaltning og politi"),
    "KSP": N_("KSP: kriminalforsorg, socialforvaltning og politi"),
}


def make_report_page(store: Store) -> APIRouter:
    """Return the route of a report's page, and those of the acts on it."""
    page = _ReportPage(store)
    router = APIRouter()
    router.get("/intake/triage/{report_id}", include_in_schema=False)(page.report_page)
    router.include_router(COMMANDS.routes(store, page.show))
    return router


class _ReportPage:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def report_page(
        self,
        request: Request,
        report_id: UUID,
        staff: LoggedIn,
        gemt: Annotated[int, Query(ge=0)] = 0,
    ) -> Response:
        """Show a report; `gemt` is the revision of what the person has just done."""
        return await self.show(request, staff, report_id, gemt=gemt)

    async def show(
        self,
        request: Request,
        staff: Staff,
        report_id: UUID,
        returned: Returned | None = None,
        gemt: int = 0,
    ) -> Response:
        """Log the reading and render the report, with a form that was returned, if there is one."""
        stored = await DESK_REPORTS.find(self._store.db, report_id)
        report = DESK_REPORTS.read(stored)
        basis = LegalBasis(stored["basis"]) if report and stored else LegalBasis.PREVENTION
        reading = CaseReading(report_id, Action.READ_REPORT, basis)
        if stored is None or report is None or not report.is_open_to(staff, Action.READ_REPORT):
            await log_denied(self._store, staff, reading)
            raise missing()
        await log_reading(self._store, staff, reading)
        reference = case_reference(None, report_id)
        list_address = "/intake/triage" if may(staff, Action.READ_TRIAGE) else None
        return render(
            request,
            "report.html",
            status=returned.status if returned else HTTPStatus.OK,
            page="triage",
            title=reference,
            crumbs=[(words(request).gettext("Henvendelser"), list_address), (reference, None)],
            reference=reference,
            report=report,
            note=None if report.noted is None else NOTES[report.noted],
            status_words=STATUSES[report.stage],
            known=_known(stored),
            **COMMANDS.shown(report, staff, returned, gemt),
        )


def _known(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of a report: codes, places and times."""
    is_waiting = stored["status"] == Status.WAITING.value
    more = _more(stored) if is_waiting else {"is_waiting": False}
    return {
        **more,
        "place": place_name(stored["municipality"]),
        "source": SOURCES[ProposedBy(stored["proposed_by"])],
        "partner": stored["partner"],
        "reference": stored["reference"],
        "occurred_at": stored["occurred_at"],
        "received_at": stored["received_at"],
    }


def _more(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What is shown beside that while the report waits; once it has a case, only the case shows it."""
    process, why, form = stored["process"], stored["why_waiting"], stored.get("disclosure_form")
    return {
        "is_waiting": True,
        "process": None if process is None else PROCESSES[Process(process)],
        "why": REASONS[WhyWaiting(why)],
        "due_at": stored.get("due_at"),
        "form": None if form is None else FORMS[form],
        "not_for_investigation": bool(stored.get("not_for_investigation")),
        "roles": [role_words(each["role"]) for each in stored["people"]],
    }
