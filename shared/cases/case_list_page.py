"""The page of a service's list of cases, as a list or as a board; each reading is logged first."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Generic, TypeVar

from fastapi import Request
from fastapi.responses import Response

from shared.cases.case_list import ALL, DUE_WORDS, OPEN, CaseList, ListFilter
from shared.cases.next_step import AwaitsStep
from shared.cases.reading_log import ListReading, log_list, log_list_denied
from shared.engine import Store
from shared.staff.access import Action, Staff
from shared.staff.audit import LegalBasis
from shared.staff.sight import sight_of
from shared.web import N_, missing, render, words

__all__ = ["CaseListPage", "list_address"]

C = TypeVar("C", bound=AwaitsStep)

_ALL_OPEN, _ALL = N_("Alle åbne"), N_("Alle, også afsluttede")
_KEPT_S: Final = 8 * 3600
"""How long a browser keeps where a person was in a list: as long as a login."""


class CaseListPage(Generic[C]):
    """The list of one service; `cases_of` gives the cases that somebody with this sight may open."""

    def __init__(
        self,
        store: Store,
        *,
        menu: str,
        heading: str,
        action: Action,
        basis: LegalBasis,
        stages: Mapping[StrEnum, str],
        cases_of: Any,
    ) -> None:
        self._store = store
        self._menu = menu
        self._heading = heading
        self._action = action
        self._reading = ListReading(f"{menu}.cases", action, basis)
        self._stages = stages
        self._cases_of = cases_of

    async def show(self, request: Request, staff: Staff, asked: ListFilter) -> Response:
        """Log the reading and render the list, or its part for a page that refreshes itself."""
        sight = sight_of(staff, self._action)
        if not sight:
            await log_list_denied(self._store, staff, self._reading)
            raise missing()
        is_part = "hx-request" in request.headers
        await log_list(self._store, staff, self._reading, refreshed=is_part)
        cases: CaseList[C] = self._cases_of(sight)
        now = datetime.now(UTC)
        shown: dict[str, Any] = {"columns": await cases.columns(asked, now)}
        if asked.vis == "liste":
            shown = {"found": await cases.page(asked, now)}
        translated = words(request)
        heading = translated.gettext(self._heading)
        answer = render(
            request,
            "case-list-part.html" if is_part else "case-list.html",
            page=self._menu,
            title=heading,
            crumbs=[(heading, None)],
            heading=self._heading,
            address=f"/{self._menu}/cases",
            asked=asked,
            now=now,
            part=is_part,
            late=await cases.count_late(now),
            only_named=not sight.is_district and not sight.places,
            places=cases.places(),
            stages=[
                (OPEN, translated.gettext(_ALL_OPEN)),
                *((stage.value, translated.gettext(name)) for stage, name in self._stages.items()),
                (ALL, translated.gettext(_ALL)),
            ],
            deadlines=[(due.value, translated.gettext(name)) for due, name in DUE_WORDS.items()],
            **shown,
        )
        answer.set_cookie(
            _cookie(self._menu),
            asked.query(),
            max_age=_KEPT_S,
            path=f"/{self._menu}",
            httponly=True,
            samesite="lax",
            secure=request.app.state.settings.site_url.startswith("https:"),
        )
        return answer


def list_address(request: Request, menu: str) -> str:
    """Return the address of a service's list as the person last saw it in this browser."""
    query = ListFilter.read(request.cookies.get(_cookie(menu), "")).query()
    return f"/{menu}/cases" + (f"?{query}" if query else "")


def _cookie(menu: str) -> str:
    return f"{menu}_liste"
