"""The page of one mediation: what stands, by whom it is waited for, and no names."""

from pathlib import Path
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.mediation import mediations
from services.mediation.domain import Side, Stage
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

STAGES: Final = {Stage.PROPOSED: N_("Foreslået")}
SIDES: Final = {
    Side.HARMED: N_("Forurettedes side"),
    Side.RESPONSIBLE: N_("Gerningspersonens side"),
}


def make_pages(store: Store) -> APIRouter:
    """Return the routes below `/mediation`."""
    router = APIRouter(prefix="/mediation", include_in_schema=False)

    @router.get("/cases/{case_id}")
    async def case_page(request: Request, case_id: UUID, staff: LoggedIn) -> Response:
        mediation = await mediations.find(store.db, case_id)
        asked = Asked(case_id, Action.READ_MEDIATION_CASE, Basis.MEDIATION_ACT)
        if mediation is None or not may(
            staff, Action.READ_MEDIATION_CASE, municipality=mediation.municipality
        ):
            await log_denied(store, staff, asked)
            raise missing()
        await log_reading(store, staff, asked)
        reference = case_reference(Process.MEDIATION, case_id)
        return render(
            request,
            "case.html",
            page="mediation",
            title=reference,
            crumbs=[("Konfliktråd", None), (reference, None)],
            reference=reference,
            mediation=mediation,
            place=MUNICIPALITIES[mediation.municipality].name,
            stage=STAGES[mediation.stage],
            sides=[(side, words, mediation.on_side(side)) for side, words in SIDES.items()],
        )

    return router
