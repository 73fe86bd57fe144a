"""The fragment: names in a frame of another service's page, where no script of the site reads them.

The answer has an origin of its own (`sandbox` in its policy), so that the page around and all other
scripts of the site are kept out. It is given to a frame or a tab only: a script that fetches it gets
nothing. Forms inside arrive without a cookie, and are judged by their token alone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response

from services.intake import frame_words
from services.intake.letters import (
    make_calendar_file,
    make_letter,
    may_be_written_to,
    read_meeting,
    set_letter,
)
from services.intake.name_views import LONGEST, SHOWN_FOR, Form
from services.intake.people import ROLES_BESIDE
from services.intake.people_acts import Spent, Wrong
from services.intake.shown import Refusal, Refused, Shown
from shared.contracts.places import ZONE
from shared.contracts.processes import Custody
from shared.staff.access import Staff
from shared.staff.directory import NotCurrent
from shared.web.clock import day as day_words
from shared.web.forms import read_form
from shared.web.problems import RETRY_AFTER
from shared.web.purposes import PURPOSES, Purpose
from shared.web.rendering import render
from shared.web.session import LoginRequired
from shared.web.session import staff as logged_in
from shared.web.words import LANGUAGE_COOKIE, language_of, words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from services.intake.people_desk import PeopleDesk
    from services.intake.showing import Showing

__all__ = ["FRAMED", "make_frame"]

PREFIX: Final = "/intake/names"
FRAMED: Final = frozenset({f"{PREFIX}/change"})
"""The routes that forms inside a frame post to, without an origin and without a cookie."""

_SHOWN_TO: Final = frozenset({"iframe", "document"})
_SANDBOX: Final = "sandbox allow-forms allow-top-navigation-to-custom-protocols"
_POLICY: Final = (
    "default-src 'none'; img-src 'self' data: {site}; style-src 'self' {site}; font-src 'self' {site}; "
    "form-action 'self' {site}; base-uri 'none'; frame-ancestors 'self'"
)
_STATUS: Final = {
    Refusal.MISSING: HTTPStatus.NOT_FOUND,
    Refusal.LATE: HTTPStatus.GONE,
    Refusal.USED: HTTPStatus.GONE,
    Refusal.OVER: HTTPStatus.GONE,
    Refusal.PURPOSE: HTTPStatus.UNPROCESSABLE_ENTITY,
    Refusal.REASON: HTTPStatus.UNPROCESSABLE_ENTITY,
    Refusal.DESTINATION: HTTPStatus.BAD_REQUEST,
    Refusal.MEETING: HTTPStatus.UNPROCESSABLE_ENTITY,
    Refusal.NO_LETTER: HTTPStatus.CONFLICT,
    Refusal.AWAY: HTTPStatus.SERVICE_UNAVAILABLE,
    Refusal.LOGGED_OFF: HTTPStatus.UNAUTHORIZED,
}


_MOST_REASON: Final = 300
"""Characters of a reason; the form says so."""


class _Frame:
    def __init__(self, showing: Showing, desk: PeopleDesk) -> None:
        self._showing = showing
        self._desk = desk

    async def show(self, request: Request) -> Response:
        """Show what a grant asks for, for the purpose that the person chose."""
        typed = await read_form(request)
        staff = await self._asking(request)
        if not isinstance(staff, Staff):
            return _refused(request, staff)
        purpose, reason = typed.get("purpose", ""), typed.get("reason", "").strip()
        token = typed.get("grant", "")
        found = await self._showing.begin(staff, token, purpose, reason[:_MOST_REASON])
        if isinstance(found, Refused):
            return _refused(request, found, purpose=purpose, reason=reason[:_MOST_REASON])
        return _page(request, found, staff)

    async def extend(self, request: Request) -> Response:
        """Keep it in sight a quarter of an hour longer, or hide it now."""
        typed = await read_form(request)
        staff = await self._asking(request)
        if not isinstance(staff, Staff):
            return _refused(request, staff)
        token = typed.get("grant", "")
        if typed.get("do") == "hide":
            await self._showing.hide(staff, token)
            return _gone(request, by_hand=True)
        found = await self._showing.extend(staff, token)
        if isinstance(found, Refused):
            return _refused(request, found)
        return _page(request, found, staff)

    async def change(self, request: Request) -> Response:
        """Carry out a form inside the frame; its token alone says whose it is."""
        typed = await read_form(request)
        request.state.language = typed.pop(LANGUAGE_COOKIE, "")
        if request.headers.get("sec-fetch-dest") not in _SHOWN_TO:
            return _refused(request, Refused(Refusal.DESTINATION))
        try:
            return await self._change(request, typed)
        except NotCurrent:
            return _refused(request, Refused(Refusal.AWAY))
        except Spent:
            return _refused(request, Refused(Refusal.OVER))

    async def _change(self, request: Request, typed: dict[str, str]) -> Response:
        opened = await self._desk.find(typed.pop("token", ""))
        staff = None if opened is None else await self._desk.staff_of(opened.view)
        if opened is None or staff is None:
            return _refused(request, Refused(Refusal.OVER))
        done = await self._desk.act(opened, typed)
        found = await self._showing.again(staff, opened.view.id)
        if isinstance(found, Refused):
            return _refused(request, found)
        if isinstance(done, Wrong):
            problem = {"opens": opened.opens, "wrong": done, "typed": typed}
            return _page(request, found, staff, problem=problem)
        return _page(request, found, staff, saved=frame_words.SAVED[done.form])

    async def letter(self, request: Request) -> Response:
        """Give a letter or a calendar file as a download, under the same grant."""
        typed = await read_form(request)
        staff = await self._asking(request)
        if not isinstance(staff, Staff):
            return _refused(request, staff)
        meeting = read_meeting(typed)
        if meeting is None:
            return _refused(request, Refused(Refusal.MEETING))
        token = typed.get("grant", "")
        found = await self._showing.begin(staff, token, Purpose.SEND_LETTER, "")
        if isinstance(found, Refused) and found.why is Refusal.USED:
            found = await self._showing.use(staff, token, Purpose.SEND_LETTER)
        if isinstance(found, Refused):
            return _refused(request, found, purpose=Purpose.SEND_LETTER)
        now, said = datetime.now(UTC), words(request)
        if typed.get("do") == "calendar":
            return _download(
                make_calendar_file(meeting, words=said, now=now), "text/calendar", "ics"
            )
        party = typed.get("party", "")
        person = next((one for one in found.people if str(one.party.party_id) == party), None)
        if person is None or not may_be_written_to(person):
            return _refused(request, Refused(Refusal.NO_LETTER))
        letter = make_letter(
            person,
            meeting,
            sender=staff.name,
            language=language_of(request),
            words=said,
            now=now,
        )
        return _download(await set_letter(letter), "application/pdf", "pdf")

    async def gone(self, request: Request) -> Response:
        """Show that the names are out of sight."""
        return _gone(request, by_hand=False)

    async def _asking(self, request: Request) -> Staff | Refused:
        """Return who asks, if the answer would go to a frame or a tab."""
        try:
            staff = await logged_in(request)
        except LoginRequired:
            return Refused(Refusal.LOGGED_OFF)
        except NotCurrent:
            return Refused(Refusal.AWAY)
        if request.headers.get("sec-fetch-dest") in _SHOWN_TO:
            return staff
        return await self._showing.refuse(staff, Refused(Refusal.DESTINATION))


def make_frame(showing: Showing, desk: PeopleDesk) -> APIRouter:
    """Return the routes of the fragment."""
    frame = _Frame(showing, desk)
    router = APIRouter(prefix=PREFIX, include_in_schema=False)
    router.post("/show")(frame.show)
    router.post("/extend")(frame.extend)
    router.post("/change")(frame.change)
    router.post("/letter")(frame.letter)
    router.get("/gone")(frame.gone)
    return router


def _page(
    request: Request,
    shown: Shown,
    staff: Staff,
    *,
    saved: str = "",
    problem: Mapping[str, Any] | None = None,
) -> Response:
    now = datetime.now(UTC)
    view = shown.view
    left = max(1, int((view.until - now).total_seconds()))
    context = {
        "shown": shown,
        "names": {
            each.party.party_id: _name_of(shown, each.party.party_id) for each in shown.people
        },
        "staff": staff,
        "until": view.until,
        "is_last": view.until >= view.begun + LONGEST,
        "purpose": PURPOSES[view.purpose],
        "bands": frame_words.BANDS,
        "ways": {
            each.party.party_id: frame_words.safe_way_lines(
                each.data.safe_way if each.data else None
            )
            for each in shown.people
        },
        "turning": {
            each.party.party_id: frame_words.turns_18(
                each.data.births if each.data else (), now.astimezone(ZONE).date()
            )
            for each in shown.people
        },
        "day_of": partial(_day, now=now, language=language_of(request)),
        "phone_words": frame_words.phone_words,
        "form_of": Form,
        "titles": frame_words.TITLES,
        "fields": frame_words.FIELDS,
        "channels": frame_words.CHANNELS,
        "customs": tuple(Custody),
        "refusals": frame_words.REFUSALS,
        "roles": ROLES_BESIDE.get(shown.process, {}).get(view.side, ()),
        "saved": saved,
        "problem": problem,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    answer = render(request, "names.html", status=status, **context)
    _guard(request, answer, sandboxed=True)
    answer.headers["Refresh"] = f"{left}; url={PREFIX}/gone"
    return answer


def _refused(
    request: Request, refused: Refused, *, purpose: str = "", reason: str = ""
) -> Response:
    answer = render(
        request,
        "names-refused.html",
        status=_STATUS[refused.why],
        why=refused.why.value,
        grant=refused.grant,
        chosen=purpose,
        reason=reason,
    )
    _guard(request, answer, sandboxed=False)
    if refused.why is Refusal.AWAY:
        answer.headers["Retry-After"] = RETRY_AFTER
    return answer


def _download(content: bytes, kind: str, ending: str) -> Response:
    """Return a file whose name says nothing about whom or what it is."""
    headers = {
        "Content-Disposition": f'attachment; filename="indbydelse.{ending}"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=kind, headers=headers)


def _gone(request: Request, *, by_hand: bool) -> Response:
    answer = render(request, "names-gone.html", by_hand=by_hand, shown_for=SHOWN_FOR)
    _guard(request, answer, sandboxed=False)
    return answer


def _guard(request: Request, answer: Response, *, sandboxed: bool) -> None:
    """Let the site's own pages frame the answer, and keep everybody else out of it."""
    policy = _POLICY.format(site=request.app.state.settings.site_url.rstrip("/"))
    answer.headers["Content-Security-Policy"] = f"{_SANDBOX}; {policy}" if sandboxed else policy
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    answer.headers["Cache-Control"] = "no-store"


def _day(day: date, now: datetime, language: str) -> str:
    noon = datetime.combine(day, time(12), ZONE)
    return day_words(noon, now, language)


def _name_of(shown: Shown, party_id: UUID) -> str:
    data = next((each.data for each in shown.people if each.party.party_id == party_id), None)
    return data.name if data else ""
