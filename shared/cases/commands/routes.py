"""The route of an act: what a browser or a program sends, and what it is answered.

A browser posts the form and is redirected to the case (303), which says in one line what was done.
Where nothing was done, it gets the page of the case as it is now, with everything typed kept. A
program that asks for JSON gets the same as data. The same-origin check of all pages covers both.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pymongo.errors import ConnectionFailure

from shared.cases.commands.forms import Returned, make_form
from shared.cases.commands.openapi import operation
from shared.cases.commands.runner import Attempt, Kind, Outcome, RegisteredCommand, Runner
from shared.cases.history import ActedOn
from shared.errors import Conflict, Unavailable
from shared.staff.access import Staff
from shared.staff.directory import NotCurrent
from shared.web import N_, missing, render
from shared.web.forms import FORM, read_posted
from shared.web.problems import RETRY_AFTER, document, wants_page
from shared.web.session import directory_of, require_session
from shared.web.session import staff as recognised

__all__ = ["CommandRoute", "Show"]

C = TypeVar("C", bound=ActedOn)

Show = Callable[[Request, Staff, UUID, Returned], Awaitable[Response]]
"""Renders the page of a case with a returned form; 404 for who may not see it."""

_MOST_BYTES: Final = 16 * 1024
_MOST_FIELDS: Final = 50
_JSON: Final = "application/json"
_KEY: Final = "form_key"
_REVISION: Final = "revision"
_MOST_DIGITS: Final = 9

_STATUS: Final = {
    Kind.REUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    Kind.STALE: HTTPStatus.CONFLICT,
    Kind.PARKED: HTTPStatus.CONFLICT,
    Kind.REFUSED: HTTPStatus.CONFLICT,
    Kind.BUSY: HTTPStatus.CONFLICT,
}
_WORDS: Final = {
    Kind.REUSED: (
        N_("Formularen er allerede sendt med andre svar"),
        N_("Det nye er ikke gemt. Se sagen, som den er nu, og send igen, hvis det stadig passer."),
    ),
    Kind.INVALID: (N_("Ret dette, og gem igen"), N_("Der er ikke gemt noget.")),
    Kind.STALE: (
        N_("Sagen blev ændret, mens du skrev"),
        N_(
            "Der er ikke gemt noget. Dine svar står nedenfor. Se, hvad der er nyt, og send igen,"
            " hvis de stadig passer."
        ),
    ),
    Kind.PARKED: (
        N_("Sagen er standset"),
        N_("Der er ikke gemt noget. Driften skal sætte sagen i gang igen, før der kan gemmes."),
    ),
    Kind.REFUSED: (
        N_("Det er ikke gemt"),
        N_("Det er ikke muligt, som sagen står nu."),
    ),
    Kind.BUSY: (
        N_("Det er ikke gemt"),
        N_("Andre arbejder i sagen lige nu. Dine svar står nedenfor. Send igen om lidt."),
    ),
}
_DETAIL: Final = {
    Kind.REUSED: "The form key was used for other input.",
    Kind.INVALID: "The input is not valid.",
    Kind.STALE: "The case has changed since the revision that was sent.",
    Kind.PARKED: "The case is parked.",
    Kind.BUSY: "Others are changing the case now.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Input:
    """What was sent: the key, the revision, and the fields."""

    key: UUID | None
    revision: int | None
    values: Mapping[str, object]


class CommandRoute(Generic[C]):
    """The route of one act."""

    def __init__(
        self,
        runner: Runner[C],
        registered: RegisteredCommand[C],
        show: Show,
        address_of: Callable[[UUID], str],
    ) -> None:
        self._runner = runner
        self._registered = registered
        self._show = show
        self._address_of = address_of

    def open_on(self, router: APIRouter) -> None:
        """Add the route."""
        command = self._registered.command
        router.add_api_route(
            f"/{{case_id}}/{command.name}",
            self._post,
            methods=["POST"],
            name=command.name,
            summary=(command.__doc__ or "").partition("\n")[0],
            response_class=Response,
            status_code=HTTPStatus.SEE_OTHER,
            openapi_extra=operation(command, key=_KEY, revision=_REVISION),
        )

    async def _post(self, request: Request, case_id: UUID) -> Response:
        require_session(request)
        sent = await _read(request)
        try:  # not before: what was typed is kept, whatever does not answer
            staff = await recognised(request)
        except (ConnectionFailure, NotCurrent):
            return self._away(request, case_id, sent)
        act, faults = self._registered.command.read(sent.values)
        attempt = Attempt(
            staff=staff,
            directory=directory_of(request),
            case_id=case_id,
            registered=self._registered,
            key=sent.key,
            revision=sent.revision,
            values=sent.values,
            act=act,
            faults=faults if sent.key and sent.revision is not None else {**faults, "": "invalid"},
        )
        try:
            outcome = await self._runner.run(attempt)
        except Conflict:
            outcome = Outcome(Kind.BUSY)
        except (Unavailable, NotCurrent):
            return self._away(request, case_id, sent)
        if outcome.kind is Kind.MISSING:
            raise missing()
        if outcome.kind is Kind.DONE:
            return self._done(request, attempt, outcome)
        if wants_page(request):
            return await self._show(request, staff, case_id, self._returned(attempt, outcome))
        return _refused(attempt, outcome)

    def _done(self, request: Request, attempt: Attempt[C], outcome: Outcome) -> Response:
        if wants_page(request):
            return RedirectResponse(outcome.address, HTTPStatus.SEE_OTHER)
        name = self._registered.command.name
        done = {"case_id": str(attempt.case_id), "act": name, "address": outcome.address}
        return JSONResponse(done)

    def _returned(self, attempt: Attempt[C], outcome: Outcome) -> Returned:
        heading, text = _WORDS[outcome.kind]
        if outcome.refusal is not None:
            text = self._registered.refusals.get(type(outcome.refusal), text)
        return Returned(
            status=_STATUS[outcome.kind],
            command=self._registered.command,
            values=attempt.values,
            faults=attempt.faults if outcome.kind is Kind.INVALID else {},
            seen=attempt.revision,
            heading=heading,
            text=text,
        )

    def _away(self, request: Request, case_id: UUID, sent: _Input) -> Response:
        """Nothing can be decided now: the form comes back with its key, so a retry counts once."""
        headers = {"Retry-After": RETRY_AFTER}
        if not wants_page(request):
            answer = document(HTTPStatus.SERVICE_UNAVAILABLE)
            answer.headers.update(headers)
            return answer
        command, address = self._registered.command, self._address_of(case_id)
        form = make_form(
            command,
            address=f"{address}/{command.name}",
            revision=sent.revision or 0,
            key=str(sent.key) if sent.key else None,
            values=sent.values,
        )
        page = render(
            request,
            "command-away.html",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            form=form,
            case_address=address,
        )
        page.headers.update(headers)
        return page


def _refused(attempt: Attempt[Any], outcome: Outcome) -> Response:
    refusal = outcome.refusal
    detail = str(refusal) if refusal is not None else _DETAIL[outcome.kind]
    more: dict[str, object] = {"code": outcome.kind.value, "detail": detail}
    if outcome.kind is Kind.INVALID:
        faults = sorted(attempt.faults.items())
        more["errors"] = [{"field": field, "rule": rule} for field, rule in faults]
    return document(_STATUS[outcome.kind], **more)


async def _read(request: Request) -> _Input:
    """Read what was sent, a form or a JSON object.

    Raises:
        HTTPException: it is too large (413), of another type (415), or no form or object (400).

    """
    kind, body = await read_posted(request, FORM, _JSON, most_bytes=_MOST_BYTES)
    try:
        values = _values(kind, body.decode())
    except (ValueError, RecursionError):
        raise HTTPException(HTTPStatus.BAD_REQUEST) from None
    key, revision = values.pop(_KEY, None), values.pop(_REVISION, None)
    return _Input(key=_uuid(key), revision=_number(revision), values=values)


def _values(kind: str, text: str) -> dict[str, object]:
    if kind == FORM:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    values = json.loads(text)
    if not isinstance(values, dict) or len(values) > _MOST_FIELDS:
        raise ValueError("no object, or too many fields")
    if any(isinstance(value, list | dict) for value in values.values()):
        raise ValueError("a value that no field has, nested to any depth")
    return values


def _uuid(given: object) -> UUID | None:
    try:
        return UUID(str(given))
    except ValueError:
        return None


def _number(given: object) -> int | None:
    text = str(given)
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None
