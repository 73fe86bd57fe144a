"""The pages of cases: the list, and one case with its state and due time, without names.

Each reading is logged first.

Where the service has registered acts, the page shows their forms and what people did in the case.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response

from shared.cases.ask_names import MOST_REASON, AskedNames, CaseNames, OpenedForm, ask_names
from shared.cases.case_list import CaseList, ListFilter
from shared.cases.case_list_page import CaseListPage, list_address
from shared.cases.case_store import CaseStore
from shared.cases.case_text import write_case
from shared.cases.commands import Commands
from shared.cases.commands.forms import Returned
from shared.cases.history import ActedOn
from shared.cases.next_step import AwaitsStep
from shared.cases.reading_log import CaseReading, log_denied, log_reading
from shared.contracts.places import place_name
from shared.contracts.processes import Process
from shared.contracts.references import case_reference
from shared.engine import Store
from shared.security.signatures import Signer
from shared.staff.access import Action, Staff
from shared.staff.audit import LegalBasis
from shared.staff.sight import Sight
from shared.web import LoggedIn, missing, render, words
from shared.web.clock import deadline
from shared.web.forms import read_form
from shared.web.words import language_of

__all__ = ["CasePage", "Content", "make_pages"]

C = TypeVar("C", bound=AwaitsStep)

_NO_ACTS: Final[Mapping[str, Any]] = {
    "forms": (),
    "history": None,
    "news": (),
    "done": None,
    "case_address": "",
    "returned": None,
}

Content = Callable[[C, Staff], Awaitable[Mapping[str, Any]]]
"""What a page shows of a case's details, for this person: values for the service's template. It logs
by itself what it shows beyond the reading of the case."""


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
    """The list's name, in its title and in the breadcrumbs, in Danish."""
    action: Action
    """The permission that the page is opened by."""
    basis: LegalBasis
    """The legal basis on which the case is kept."""
    stages: Mapping[StrEnum, str]
    """The name of each stage, in Danish, in the order of the board."""
    ended: frozenset[StrEnum] = frozenset()
    """The stages of cases that are over."""
    more: Callable[[C], Mapping[str, Any]] = lambda _: {}
    """Further values for the service's template."""
    commands: Commands[Any] | None = None
    """What staff may do in a case; their routes come with the page's."""
    names: CaseNames[C] | None = None
    """How a case asks for names; None where no page of the service does."""


def make_pages(
    store: Store,
    page: CasePage[C],
    content: Content[C] | None = None,
    signer: Signer | None = None,
) -> APIRouter:
    """Return the routes below the service's name; `signer` signs the grants for names."""
    pages = _Pages(store, page, content, signer)
    router = APIRouter(prefix=f"/{page.menu}", include_in_schema=False)
    router.get("/cases")(pages.list_page)
    router.get("/cases/{case_id}")(pages.case_page)
    router.get("/cases/{case_id}/text")(pages.text)
    router.get("/cases/{case_id}/news")(pages.news)
    router.post("/cases/{case_id}/names/{side}")(pages.names_again)
    if page.commands is None:
        return router
    both = APIRouter()
    both.include_router(router)
    both.include_router(page.commands.routes(store, pages.show))
    return both


class _Pages(Generic[C]):
    def __init__(
        self,
        store: Store,
        page: CasePage[C],
        content: Content[C] | None,
        signer: Signer | None,
    ) -> None:
        self._signer = signer
        self._store = store
        self._page = page
        self._content = content
        self._list: CaseListPage[C] = CaseListPage(
            store,
            menu=page.menu,
            heading=page.heading,
            action=page.action,
            basis=page.basis,
            stages=page.stages,
            cases_of=self._cases_of,
        )

    def _cases_of(self, sight: Sight) -> CaseList[C]:
        page = self._page
        return CaseList(
            database=self._store.db,
            cases=page.cases,
            prefix=f"/{page.menu}/cases",
            stages=page.stages,
            ended=page.ended,
            sight=sight,
        )

    async def list_page(
        self, request: Request, staff: LoggedIn, asked: Annotated[ListFilter, Query()]
    ) -> Response:
        """Show the cases that the person may open."""
        return await self._list.show(request, staff, asked)

    async def case_page(
        self,
        request: Request,
        case_id: UUID,
        staff: LoggedIn,
        gemt: Annotated[int, Query(ge=0)] = 0,
        navne: Annotated[str, Query(max_length=32)] = "",
    ) -> Response:
        """Show a case; `gemt` is the revision of what the person has just done.

        `navne` is the side whose form of purposes is open.
        """
        asks = OpenedForm(side=navne) if navne else None
        return await self.show(request, staff, case_id, gemt=gemt, asks=asks)

    async def names_again(
        self,
        request: Request,
        case_id: UUID,
        side: Annotated[str, Path(max_length=32)],
        staff: LoggedIn,
    ) -> Response:
        """Open a form of purposes again, with what was typed: the grant before it was late or used."""
        typed = await read_form(request)
        purpose, reason = typed.get("purpose", ""), typed.get("reason", "")
        asks = OpenedForm(side=side, purpose=purpose, reason=reason[:MOST_REASON])
        return await self.show(request, staff, case_id, asks=asks)

    async def show(
        self,
        request: Request,
        staff: Staff,
        case_id: UUID,
        returned: Returned | None = None,
        gemt: int = 0,
        asks: OpenedForm | None = None,
    ) -> Response:
        """Log the reading and render the case, with a form that was returned, if there is one."""
        page = self._page
        case = await self._open(staff, case_id)
        reference = case_reference(page.process, case_id)
        content = await self._content(case, staff) if self._content else {}
        return render(
            request,
            "case.html",
            status=returned.status if returned else HTTPStatus.OK,
            page=page.menu,
            title=reference,
            crumbs=[
                (
                    words(request).gettext(page.heading),
                    f"{list_address(request, page.menu)}#sag-{case_id}",
                ),
                (reference, None),
            ],
            reference=reference,
            case=case,
            text_address=f"/{page.menu}/cases/{case_id}/text",
            place=place_name(case.municipality),
            stage=page.stages[case.stage],
            **(page.commands.shown(case, staff, returned, gemt) if page.commands else _NO_ACTS),
            names=self._names(case, staff, asks),
            page_address=f"/{page.menu}/cases/{case_id}",
            **page.more(case),
            **content,
        )

    async def text(self, request: Request, case_id: UUID, staff: LoggedIn) -> Response:
        """Log the reading and return the case as plain text, to be copied."""
        page = self._page
        case = await self._open(staff, case_id)
        translated, language = words(request), language_of(request)
        now = datetime.now(UTC)
        stage = translated.gettext(page.stages[case.stage])
        facts = [
            (translated.gettext("Sag"), case_reference(page.process, case_id)),
            (translated.gettext("Trin"), stage),
            (translated.gettext("Kommune"), place_name(case.municipality)),
        ]
        if case.next_step and case.due_at:
            due = deadline(case.due_at, now, language, translated)
            facts.append((translated.gettext("Frist"), due.absolute))
        history = page.commands.history(case) if page.commands else []
        text = write_case(
            facts,
            history,
            fetched_by=staff.name,
            now=now,
            language=language,
            words=translated,
        )
        return PlainTextResponse(text)

    async def news(
        self, request: Request, case_id: UUID, staff: LoggedIn, seen: Annotated[int, Query(ge=0)]
    ) -> Response:
        """Say to an open page whether the case has changed since the revision that it shows.

        It says nothing else, so it is no reading; a denial is logged as on the page itself.
        """
        page = self._page
        case = await page.cases.find(self._store.db, case_id)
        if case is None or not case.is_open_to(staff, page.action):
            await log_denied(self._store, staff, CaseReading(case_id, page.action, page.basis))
            raise missing()
        if not isinstance(case, ActedOn) or case.revision <= seen:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return render(request, "case-news.html", page_address=f"/{page.menu}/cases/{case_id}")

    async def _open(self, staff: Staff, case_id: UUID) -> C:
        """Return the case that the person may open; the reading is logged, and so is a denial."""
        page = self._page
        case = await page.cases.find(self._store.db, case_id)
        reading = CaseReading(case_id, page.action, page.basis)
        if case is None or not case.is_open_to(staff, page.action):
            await log_denied(self._store, staff, reading)
            raise missing()
        await log_reading(self._store, staff, reading)
        return case

    def _names(self, case: C, staff: Staff, asks: OpenedForm | None) -> dict[str, AskedNames]:
        names = self._page.names
        if names is None or self._signer is None:
            return {}
        return ask_names(names, case, staff, self._signer, asks)
