"""The secretariat's triage list: reports that wait for a decision, and rejected ones with reasons.

It shows references, places, sources and deadlines; no person and no content of a report.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from gettext import NullTranslations
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from services.intake.commands import NOTES
from services.intake.domain import Status, WhyWaiting
from services.intake.reports import COLLECTION
from services.intake.searching import find_reports
from services.intake.words import PROCESSES, REASONS, SOURCES
from shared import web
from shared.cases.reading_log import ListReading, log_list, log_list_denied
from shared.cases.working_time import TRIAGE_WITHIN
from shared.contracts.intake import DangerNote
from shared.contracts.places import MUNICIPALITIES
from shared.contracts.processes import Process, ProposedBy
from shared.contracts.references import case_reference
from shared.engine import Store
from shared.staff.access import Action, may
from shared.staff.audit import LegalBasis
from shared.web import LoggedIn, missing, render

__all__ = ["TEMPLATES", "make_pages"]

TEMPLATES: Final = Path(__file__).parent / "templates"

PAGE: Final = 100


class ListFilter(BaseModel):
    """The query parameters of the list."""

    model_config = ConfigDict(frozen=True)

    vis: Literal["waiting", "rejected"] = "waiting"
    kommune: str = Field("", max_length=4)
    kilde: ProposedBy | Literal[""] = ""
    sag: str = Field("", max_length=64)
    """A part of the report's number or of the partner's own reference, as typed."""
    side: int = Field(1, ge=1, le=1000)

    def query(self, **changes: object) -> str:
        """Return them as the query of a URL."""
        return urlencode(self.model_copy(update=changes).model_dump(exclude_defaults=True))


_READING: Final = ListReading("intake.triage", Action.READ_TRIAGE, LegalBasis.PREVENTION)


def make_pages(store: Store) -> APIRouter:
    """Return the triage list's route; each reading of it is logged first."""
    reports = store.db[COLLECTION]
    router = APIRouter(prefix="/intake", include_in_schema=False)

    @router.get("/triage")
    async def triage(
        request: Request, staff: LoggedIn, list_filter: Annotated[ListFilter, Query()]
    ) -> Response:
        if not may(staff, Action.READ_TRIAGE):
            await log_list_denied(store, staff, _READING)
            raise missing()
        await log_list(store, staff, _READING, refreshed="hx-request" in request.headers)
        waiting: dict[str, Any] = {"status": Status.WAITING.value}
        rejected = {"status": Status.REJECTED.value}
        narrowed = waiting | _narrowed(list_filter)
        if list_filter.sag.strip():
            ids = await find_reports(reports, waiting, list_filter.sag)
            narrowed |= {"_id": {"$in": ids}}
        wanted = narrowed if list_filter.vis == "waiting" else rejected
        order = (
            [("danger_to_life", -1), ("received_at", 1)]
            if list_filter.vis == "waiting"
            else [("received_at", -1)]
        )
        rows = reports.find(wanted, projection=_FIELDS).sort(order)
        found = await rows.skip((list_filter.side - 1) * PAGE).limit(PAGE).to_list()
        alarms = reports.find(_ALARM, projection=_FIELDS).sort([("received_at", 1)])
        danger = await alarms.limit(PAGE).to_list()
        total = await reports.count_documents(wanted)
        counted = await reports.count_documents(waiting)
        now = datetime.now(UTC)
        words = web.words(request)
        context: dict[str, Any] = {
            "page": "triage",
            "title": _title(words, list_filter.vis, counted),
            "crumbs": [(words.gettext("Henvendelser"), None)],
            "list_filter": list_filter,
            "now": now,
            "part": "hx-request" in request.headers,
            "danger": [_alarm(report) for report in danger],
            "waiting": counted,
            "overdue": await reports.count_documents({**waiting, "due_at": {"$lte": now}}),
            "rejected": await reports.count_documents(rejected),
            "rows": [
                _waiting(one) if list_filter.vis == "waiting" else _rejected(one) for one in found
            ],
            "total": total,
            "pages": -(-total // PAGE),
            "places": [(code, place.name) for code, place in sorted(MUNICIPALITIES.items())],
            "sources": [(str(key), words.gettext(name)) for key, name in SOURCES.items()],
        }
        template = "triage-list.html" if context["part"] else "triage.html"
        return render(request, template, **context)

    return router


_ALARM: Final[dict[str, Any]] = {
    "danger_to_life": True,
    "danger_note": None,
    "status": {"$in": [Status.WAITING.value, Status.ACCEPTED.value]},
}
"""The reports that say danger to life and about which nobody has noted anything."""

_FIELDS: Final = (
    "partner",
    "reference",
    "process",
    "municipality",
    "proposed_by",
    "occurred_at",
    "received_at",
    "due_at",
    "why_waiting",
    "danger_to_life",
    "danger_note",
    "errors",
)


def _title(words: NullTranslations, view: str, waiting: int) -> str:
    if view == "rejected":
        return words.gettext("Henvendelser: afviste")
    return words.ngettext("Henvendelser: %(n)s venter", "Henvendelser: %(n)s venter", waiting) % {
        "n": waiting
    }


def _narrowed(list_filter: ListFilter) -> dict[str, str]:
    chosen = {"municipality": list_filter.kommune, "proposed_by": str(list_filter.kilde)}
    return {field: value for field, value in chosen.items() if value}


def _alarm(report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "address": f"/intake/triage/{report['_id']}",
        "reference": case_reference(None, UUID(report["_id"])),
        "place": MUNICIPALITIES[report["municipality"]].name,
    }


def _waiting(report: Mapping[str, Any]) -> dict[str, Any]:
    process, note = report["process"], report.get("danger_note")
    return {
        "address": f"/intake/triage/{report['_id']}",
        "reference": case_reference(None, UUID(report["_id"])),
        "due_at": report.get("due_at") or TRIAGE_WITHIN.after(report["received_at"]),
        "received_at": report["received_at"],
        "occurred_at": report["occurred_at"],
        "partner": report["partner"],
        "process": None if process is None else PROCESSES[Process(process)],
        "reason": REASONS[WhyWaiting(report["why_waiting"])],
        "place": MUNICIPALITIES[report["municipality"]].name,
        "source": SOURCES[ProposedBy(report["proposed_by"])],
        "danger": bool(report.get("danger_to_life")) and note is None,
        "note": None if note is None else NOTES[DangerNote(note)],
    }


def _rejected(report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "received_at": report["received_at"],
        "partner": report["partner"],
        "reference": report["reference"],
        "errors": report["errors"],
    }
