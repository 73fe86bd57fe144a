"""The page of one case: its state and due time, without names; each reading is logged first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from shared.cases.case_store import CaseStore
from shared.cases.next_step import AwaitsStep
from shared.cases.reading_log import CaseReading, log_denied, log_reading
from shared.contracts.places import place_name
from shared.contracts.processes import Process
from shared.contracts.references import case_reference
from shared.engine import Store
from shared.staff.access import Action, may
from shared.staff.audit import LegalBasis
from shared.web import LoggedIn, missing, render

__all__ = ["CasePage", "make_pages"]

C = TypeVar("C", bound=AwaitsStep)


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage(Generic[C]):
    """The parts of a case page that differ by service: texts, legal basis and permission.

    The service's template `case.html` extends `case-layout.html`.
    """

    cases: CaseStore[C]
    process: Process
    menu: str
    """The service's name in the menu, and the first segment of its paths."""
    heading: str
    """The page's name in the breadcrumbs, in Danish."""
    action: Action
    """The permission that the page is opened by."""
    basis: LegalBasis
    """The legal basis on which the case is kept."""
    stages: Mapping[StrEnum, str]
    """The name of each stage, in Danish."""
    more: Callable[[C], Mapping[str, Any]] = lambda _: {}
    """Further values for the service's template."""


def make_pages(store: Store, page: CasePage[C]) -> APIRouter:
    """Return the routes below the service's name."""
    router = APIRouter(prefix=f"/{page.menu}", include_in_schema=False)

    @router.get("/cases/{case_id}")
    async def case_page(request: Request, case_id: UUID, staff: LoggedIn) -> Response:
        case = await page.cases.find(store.db, case_id)
        reading = CaseReading(case_id, page.action, page.basis)
        if case is None or not may(staff, page.action, municipality=case.municipality):
            await log_denied(store, staff, reading)
            raise missing()
        await log_reading(store, staff, reading)
        reference = case_reference(page.process, case_id)
        return render(
            request,
            "case.html",
            page=page.menu,
            title=reference,
            crumbs=[(page.heading, None), (reference, None)],
            reference=reference,
            case=case,
            place=place_name(case.municipality),
            stage=page.stages[case.stage],
            **page.more(case),
        )

    return router
