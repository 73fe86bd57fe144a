"""The answers to errors: one text for every 404, and the problem page.

Programs get a problem document (RFC 9457), browsers a page. Neither repeats anything from the
request. The operator finds the code of the page in the log.
"""

import secrets
import traceback
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import structlog
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as RaisedWithStatus
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response

from shared.errors import Conflict, Rejected
from shared.web.rendering import render
from shared.web.session import LoginRequired, recognise

PROBLEM: Final = "application/problem+json"
RETRY_AFTER: Final = "5"
"""Seconds after which a request to a database that was away may be tried again."""

_log = structlog.get_logger(__name__)


def missing() -> HTTPException:
    """Return the one 404, both for what does not exist and for what the person may not see."""
    return HTTPException(HTTPStatus.NOT_FOUND)


def wants_page(request: HTTPConnection) -> bool:
    """Return whether the request comes from a browser, not from a program.

    The page script accepts anything, and says that it asks.
    """
    return "text/html" in request.headers.get("accept", "") or "hx-request" in request.headers


def document(status: int, **more: object) -> JSONResponse:
    """Return a problem document; its title is the phrase of the status."""
    phrase = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": phrase, "status": status, **more}
    return JSONResponse(content, status, media_type=PROBLEM)


async def on_http_exception(request: Request, raised: Exception) -> Response:
    """Answer an exception with a status: a page for a browser, a problem document for a program."""
    assert isinstance(raised, RaisedWithStatus)  # noqa: S101  # registered for nothing else
    if wants_page(request):
        await recognise(request)
    if raised.status_code == HTTPStatus.NOT_FOUND and wants_page(request):
        return render(request, "not-found.html", status=HTTPStatus.NOT_FOUND)
    if wants_page(request):
        return render(request, "problem.html", status=raised.status_code, code=None)
    # The detail of a conflict is a sentence of ours for people.
    shows_detail = raised.status_code == HTTPStatus.CONFLICT and isinstance(raised.detail, str)
    answer = document(raised.status_code, **({"detail": raised.detail} if shows_detail else {}))
    answer.headers.update(raised.headers or {})
    return answer


async def on_invalid(request: Request, raised: Exception) -> Response:
    """Answer an invalid request: name the wrong fields, never their values."""
    assert isinstance(raised, RequestValidationError)  # noqa: S101  # registered for nothing else
    if wants_page(request):
        await recognise(request)
        if request.method == "GET":
            return render(request, "not-found.html", status=HTTPStatus.NOT_FOUND)
        return render(request, "problem.html", status=HTTPStatus.UNPROCESSABLE_ENTITY, code=None)
    errors = [
        {"field": "/".join(str(part) for part in error["loc"]), "rule": error["type"]}
        for error in raised.errors()
    ]
    return document(HTTPStatus.UNPROCESSABLE_ENTITY, errors=errors)


async def on_refused(request: Request, raised: Exception) -> Response:
    """Answer a refusal of a rule, or a change by somebody else: 409, and nothing was done."""
    assert isinstance(raised, Rejected | Conflict)  # noqa: S101  # registered for nothing else
    if wants_page(request):
        return render(request, "problem.html", status=HTTPStatus.CONFLICT, code=None)
    return document(HTTPStatus.CONFLICT, detail=str(raised))


async def on_unavailable(request: Request, raised: Exception) -> Response:
    """Answer that the database does not answer now; the log says which error it was."""
    _log.warning("page waits for the database", raised=type(raised).__name__)
    if wants_page(request):
        answer: Response = render(
            request, "unavailable.html", status=HTTPStatus.SERVICE_UNAVAILABLE
        )
    else:
        answer = document(HTTPStatus.SERVICE_UNAVAILABLE)
    answer.headers["Retry-After"] = RETRY_AFTER
    return answer


async def on_not_current(request: Request, raised: Exception) -> Response:  # noqa: ARG001
    """Answer that nobody's rights can be known now, so that nothing is shown."""
    _log.warning("page waits for the directory of staff")
    if wants_page(request):
        answer: Response = render(
            request, "rights-unknown.html", status=HTTPStatus.SERVICE_UNAVAILABLE
        )
    else:
        answer = document(HTTPStatus.SERVICE_UNAVAILABLE)
    answer.headers["Retry-After"] = RETRY_AFTER
    return answer


async def on_login_required(request: Request, raised: Exception) -> Response:
    """Redirect the browser to the login, which returns it to this page."""
    assert isinstance(raised, LoginRequired)  # noqa: S101  # registered for nothing else
    address = request.app.state.settings.site_url.rstrip("/") + "/notify/login"
    if raised.back:
        address += "?" + urlencode({"next": raised.back})
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": address})
    if not wants_page(request) and request.method != "GET":
        return document(HTTPStatus.UNAUTHORIZED)
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


async def on_failure(request: Request, raised: Exception) -> Response:
    """Answer an internal error with a code; the log has the code and the place in the source.

    The exception's text is not logged, because it may quote what a person wrote.
    """
    number = secrets.token_hex(3).upper()
    code = f"{number[:4]}-{number[4:]}"
    where = [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(raised.__traceback__)[-8:]
    ]
    _log.error("page failed", code=code, raised=type(raised).__name__, where=where)
    if wants_page(request):
        return render(request, "problem.html", status=HTTPStatus.INTERNAL_SERVER_ERROR, code=code)
    return document(HTTPStatus.INTERNAL_SERVER_ERROR, code=code)
