"""The page of one PSP case: what stands and until when, and no names."""

from pathlib import Path
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.psp import psp_cases
from services.psp.domain import Stage
from shared.cases.reading_log import Asked, log_denied, log_reading
from shared.contracts.places import MUNICIPALITIES
from shared.contracts.processes import Process
from shared.contracts.references import case_reference
from shared.engine import Store
from shared.staff.access import Action, may
from shared.staff.audit import Basis
from shared.web import N_, LoggedIn, missing, render

__all__ = ["TEMPLATES", "make_pages"]

TEMPLATES: Final = Path(__file__).parent / "templates"

STAGES: Final = {Stage.NOMINATED: N_("Indstillet")}


def make_pages(store: Store) -> APIRouter:
    """Return the routes below `/psp`."""
    router = APIRouter(prefix="/psp", include_in_schema=False)

    @router.get("/cases/{case_id}")
    async def case_page(request: Request, case_id: UUID, staff: LoggedIn) -> Response:
        case = await psp_cases.find(store.db, case_id)
        asked = Asked(case_id, Action.READ_PSP_CASE, Basis.SECTION_115)
        if case is None or not may(staff, Action.READ_PSP_CASE, municipality=case.municipality):
            await log_denied(store, staff, asked)
            raise missing()
        await log_reading(store, staff, asked)
        reference = case_reference(Process.PSP, case_id)
        return render(
            request,
            "case.html",
            page="psp",
            title=reference,
            crumbs=[("PSP", None), (reference, None)],
            reference=reference,
            case=case,
            place=MUNICIPALITIES[case.municipality].name,
            stage=STAGES[case.stage],
        )

    return router
