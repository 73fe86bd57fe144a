"""The inbox as staff see it, and the bell on every page.

A person sees the notices for their roles in their places, acknowledges them one by one, and finds
them by area of work or case number. The list refreshes itself.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.notify.directory import DIRECTORY
from services.notify.inbox import PAGE, Counts, Inbox, Line, Section
from services.notify.notices import NOTICES, acknowledge, deadlines_of, is_for, is_urgent
from services.notify.rules import UNKNOWN, WorkArea, rule_of
from services.notify.staff import Member
from shared import web
from shared.cases.reading_log import ListReading, log_list, log_list_denied
from shared.contracts.places import place_name
from shared.engine.timers.timers import sync_timers
from shared.errors import Rejected
from shared.staff.access import Action, Staff, may
from shared.staff.audit import COLLECTION, AuditRow, Kind, LegalBasis, by_staff
from shared.web import N_, LoggedIn, missing, render
from shared.web.session import LoginRequired
from shared.web.words import language_of
from shared.web.work import not_built_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymongo.asynchronous.database import AsyncDatabase

    from services.notify.live import Live
    from shared.engine import Document, Store, Unit

__all__ = ["TEMPLATES", "make_pages"]

TEMPLATES: Final = Path(__file__).parent / "templates"

INBOX: Final = "/notify/inbox"

AREAS: Final = {
    WorkArea.TRIAGE: N_("Henvendelser"),
    WorkArea.MEDIATION: N_("Konfliktråd"),
    WorkArea.PSP: N_("PSP"),
}
OTHER_AREA: Final = N_("Anden tjeneste")
"""The name of an area that is not known here."""
HEADINGS: Final = {
    Section.DANGER: ("fare", N_("Fare for liv")),
    Section.URGENT: ("haster", N_("Haster")),
    Section.OPEN: ("ulaest", N_("Ikke kvitteret")),
    Section.DONE: ("laest", N_("Kvitteret, men ikke afsluttet")),
}
"""The sections of the list: key and heading."""
_READING: Final = ListReading("notify.inbox", Action.READ_INBOX, LegalBasis.PREVENTION)
_TOGETHER: Final = 50
"""How many notices one form acknowledges at most."""


class InboxFilter(BaseModel):
    """The filter of the list, from the query of the address."""

    model_config = ConfigDict(frozen=True)

    vis: Literal["open", "urgent"] = "open"
    tjeneste: WorkArea | Literal[""] = ""
    sag: str = Field("", max_length=64)
    side: int = Field(1, ge=1, le=1000)
    kvitteret: str = Field("", max_length=16)
    """The case that was acknowledged just now."""

    @classmethod
    def read(cls, query: str) -> InboxFilter:
        """Read it from a form; an invalid one is ignored as a whole."""
        try:
            return cls.model_validate(dict(parse_qsl(query)))
        except ValidationError:
            return cls()

    def query(self, **changes: object) -> str:
        """Write it as the query of an address."""
        return urlencode(self.model_copy(update=changes).model_dump(exclude_defaults=True))


def make_pages(database: AsyncDatabase[dict[str, Any]], store: Store, live: Live) -> APIRouter:
    """Return the inbox's routes."""
    pages = _Pages(database, store, live)
    router = APIRouter(prefix="/notify", include_in_schema=False)
    router.get("/inbox")(pages.inbox)
    router.post("/inbox/{notice_id}")(pages.acknowledge)
    router.get("/unread")(pages.unread)
    router.get("/stream")(pages.stream)
    return router


class _Pages:
    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        store: Store,
        live: Live,
    ) -> None:
        self._database = database
        self._store = store
        self._live = live

    async def inbox(
        self, request: Request, staff: LoggedIn, asked: Annotated[InboxFilter, Query()]
    ) -> Response:
        """Show the person's notices, or the list alone for a page that refreshes it."""
        if not may(staff, Action.READ_INBOX):
            await log_list_denied(self._store, staff, _READING)
            raise missing()
        await log_list(self._store, staff, _READING, refreshed=_is_part(request))
        context = await self._list(request, staff, asked)
        return render(request, "inbox-list.html" if _is_part(request) else "inbox.html", **context)

    async def acknowledge(
        self,
        request: Request,
        notice_id: UUID,
        staff: LoggedIn,
        key: Annotated[UUID, Form()],
        back: Annotated[str, Form(max_length=200)] = "",
        more: Annotated[list[UUID] | None, Form(max_length=_TOGETHER)] = None,
    ) -> Response:
        """Record the acknowledgement of a line; a form sent twice counts once.

        `more` are the other notices of the same case that the line gathered.
        """
        wanted = [str(one) for one in dict.fromkeys([notice_id, *(more or [])])]
        found = await Inbox(self._database, staff).find(wanted)
        if len(found) != len(wanted) or not may(staff, Action.ACKNOWLEDGE_NOTICE):
            await self._store.log(_row(Kind.DENIED, Kind.DENIED.value, staff, str(notice_id)))
            raise missing()

        def decide(unit: Unit) -> str:
            now = _as_now(unit, staff)
            references = [self._acknowledge(unit, one, now) for one in wanted]
            row = _row(Kind.ACT, "acknowledge", now, wanted[0], found[0]["subject"])
            unit.add(COLLECTION, row.document())
            return references[0]

        reference = await self._store.act(
            f"acknowledge:{staff.id}:{notice_id}:{key}",
            {NOTICES: wanted, DIRECTORY: [staff.id]},
            decide,
        )
        asked = InboxFilter.read(back).model_copy(update={"kvitteret": reference})
        if not _is_part(request):
            return RedirectResponse(f"{INBOX}?{asked.query()}", HTTPStatus.SEE_OTHER)
        return render(request, "inbox-list.html", **await self._list(request, staff, asked))

    def _acknowledge(self, unit: Unit, notice_id: str, staff: Staff) -> str:
        notice = unit.load(NOTICES, notice_id)
        if notice is None:
            raise Rejected("the notice is gone")
        if not is_for(notice, staff) or not may(staff, Action.ACKNOWLEDGE_NOTICE):
            raise Rejected("the right to acknowledge it is gone")
        seen = acknowledge(notice, staff.id, unit.now)
        if seen is not notice:
            unit.save(NOTICES, seen)
        before, now = deadlines_of(notice), deadlines_of(seen)
        sync_timers(unit, notice_id, before=before, now=now, case_id=notice["subject"])
        return str(notice["reference"])

    async def unread(self, request: Request, staff: LoggedIn) -> Response:
        """Return the number on the bell."""
        counts = await Inbox(self._database, staff).counts(datetime.now(UTC))
        return render(request, "unread.html", unread=counts.unread, danger=counts.danger)

    async def stream(self, request: Request) -> Response:
        """Open the browser's event stream; 401 when nobody is logged in."""
        try:
            staff = await web.staff(request)
        except LoginRequired:
            return Response(status_code=HTTPStatus.UNAUTHORIZED)
        return StreamingResponse(
            self._live.stream(staff, partial(web.staff, request)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"},
        )

    async def _shown(
        self, inbox: Inbox, counts: Counts, asked: InboxFilter, now: datetime
    ) -> list[tuple[str, str, Sequence[Line], int]]:
        """Return the sections that are shown: key, heading, lines, and how many lines there are."""
        urgent = await inbox.lines(now, Section.DANGER, Section.URGENT)
        rest = done = newest = []
        if asked.vis == "open":
            rest = await inbox.lines(now, Section.OPEN, page=asked.side)
            done = await inbox.lines(now, Section.DONE)
            if len(urgent) + len(rest) < counts.unread:
                newest = await inbox.newest(now, apart_from=[*urgent, *rest])
        parts = [
            (Section.DANGER, [line for line in urgent if line.section is Section.DANGER]),
            (Section.URGENT, [line for line in urgent if line.section is Section.URGENT]),
            (Section.OPEN, rest),
            (Section.DONE, done),
        ]
        shown: list[tuple[str, str, Sequence[Line], int]] = [
            (*HEADINGS[section], lines, counts.of.get(section, 0)) for section, lines in parts
        ]
        shown.insert(2, ("nyest", N_("Netop kommet"), newest, len(newest)))
        return shown

    async def _list(self, request: Request, staff: Staff, asked: InboxFilter) -> dict[str, Any]:
        now = datetime.now(UTC)
        inbox = Inbox(self._database, staff)
        everything = await inbox.counts(now)
        counts = everything
        if asked.tjeneste or asked.sag:
            inbox.narrow(asked.tjeneste or None, asked.sag)
            counts = await inbox.counts(now)
        shown = await self._shown(inbox, counts, asked, now)
        unread = everything.unread
        words = web.words(request)
        language = language_of(request)
        return {
            "page": "inbox",
            "title": words.gettext("Indbakke (%(unread)s)")
            % {
                "unread": words.ngettext("%(n)s ikke kvitteret", "%(n)s ikke kvitterede", unread)
                % {"n": unread}
            },
            "crumbs": [(words.gettext("Indbakke"), None)],
            "unread": unread,
            "danger": everything.danger,
            "urgent": counts.urgent,
            "open": sum(counts.of.values()) if asked.vis == "open" else None,
            "sections": [
                _section(key, heading, lines, total, staff, language)
                for key, heading, lines, total in shown
            ],
            "asked": asked,
            "areas": [(str(key), words.gettext(name)) for key, name in AREAS.items()],
            "pages": -(-counts.of.get(Section.OPEN, 0) // PAGE),
            "not_built": not_built_for(staff),
            "now": now,
            "part": _is_part(request),
        }


def _section(
    key: str, heading: str, lines: Sequence[Line], total: int, staff: Staff, language: str
) -> dict[str, Any]:
    rows = [_shown_line(line, staff, language) for line in lines]
    return {"key": key, "heading": heading, "rows": rows, "total": total}


def _shown_line(line: Line, staff: Staff, language: str) -> dict[str, Any]:
    """Return the values of a row: its first notice, and the others of the same case."""
    first, *others = [_shown(notice, staff, language) for notice in line.notices]
    return {
        **first,
        "due_at": line.due_at,
        "danger": line.section is Section.DANGER,
        "urgent": line.section <= Section.URGENT,
        "is_open": line.section is not Section.DONE,
        "others": others,
        "unseen": line.total - len(line.notices),
        "to_acknowledge": [one["id"] for one in (first, *others) if one["is_open"]],
        "key": str(uuid4()),
    }


def _shown(notice: Document, staff: Staff, language: str) -> dict[str, Any]:
    """Return the values of a notice; one whose rule is not known here gets a general text."""
    mine = [mark["at"] for mark in notice["acknowledged"] if mark["by"] == staff.id]
    rule = rule_of(notice["about"], notice.get("step"))
    return {
        "id": notice["_id"],
        "about": (rule.text if rule else UNKNOWN).in_language(language),
        "area": AREAS.get(notice["desk"], OTHER_AREA),
        "reference": notice["reference"],
        "place": place_name(notice["municipality"]),
        "address": (
            rule.work_at.format(subject=notice["subject"]) if rule and rule.work_at else None
        ),
        "due_at": notice["due_at"],
        "created_at": notice["created_at"],
        "acknowledged_at": mine[0] if mine else None,
        "ended_at": notice.get("ended_at"),
        "is_open": not mine and not notice.get("ended_at") and not is_urgent(notice),
        "is_recalled": bool(notice.get("reminded_at")) and not notice["acknowledged"],
    }


def _row(
    kind: Kind, action: str, staff: Staff, notice_id: str, case_id: str | None = None
) -> AuditRow:
    """Return the row of an acknowledgement, or of one that was denied."""
    return by_staff(
        kind,
        staff,
        action=action,
        right=Action.ACKNOWLEDGE_NOTICE.value,
        what=notice_id,
        case_id=case_id,
        basis=LegalBasis.PREVENTION,
    )


def _as_now(unit: Unit, staff: Staff) -> Staff:
    """Return a person with the rights that the act's own transaction finds in the directory."""
    stored = unit.load(DIRECTORY, staff.id)
    known = None if stored is None else Member.stored(stored)
    if known is None or not known.active:
        return replace(staff, roles=(), places=())
    return replace(staff, roles=known.roles, places=known.places)


def _is_part(request: Request) -> bool:
    return "hx-request" in request.headers
