"""Middleware for every request: security headers, the language switch, the same-origin check.

The same-origin check prevents another site from posting a form in a logged-in person's name.
Browsers send the origin of a request (`Sec-Fetch-Site`, else `Origin`). A page on another port of
this machine is another origin, although it would get our cookie. A program sends neither header
and has a token of its own. So has a form in a frame without an origin, on the routes that say so.
"""

from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web.problems import document, on_failure
from shared.web.session import is_of_a_person, sessions_of
from shared.web.words import LANGUAGE_COOKIE, LANGUAGES

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_A_YEAR: Final = 365 * 24 * 3600


def policy(*form_targets: str) -> str:
    """Return the content security policy; `form_targets` are further targets of forms."""
    forms = " ".join(("'self'", *form_targets))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"font-src 'self'; connect-src 'self'; frame-src 'self'; form-action {forms}; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


HEADERS: Final = {
    "Content-Security-Policy": policy(),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


_ASSETS: Final = "/assets/"
_FOR_EVERYBODY: Final = {
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
}
"""Of files that hold nothing of anybody: a frame with names has no origin, and needs styles and fonts."""


class Guard:
    """The outermost middleware of a service with pages."""

    def __init__(
        self, app: ASGIApp, *, site_url: str, framed: frozenset[str] = frozenset()
    ) -> None:
        self._app = app
        self._framed = framed
        parts = urlsplit(site_url)
        self._site = f"{parts.scheme}://{parts.netloc}"
        self._secure = parts.scheme == "https"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it; every answer gets the security headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                if request.url.path.startswith(_ASSETS):
                    headers.update(_FOR_EVERYBODY)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                _note_act(request, headers)
            await send(message)

        answer = self._refusal(request) or self._switch(request)
        if answer is not None:
            await answer(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, receive, send_guarded)
        except Exception as raised:  # the edge: an unexpected error becomes the problem page
            if begun:
                raise
            answer = await on_failure(request, raised)
            await answer(scope, receive, send_guarded)

    def _refusal(self, request: Request) -> Response | None:
        if request.method in _SAFE or self._is_ours(request) or self._is_framed(request):
            return None
        return document(HTTPStatus.BAD_REQUEST, detail="This request came from another site.")

    def _is_ours(self, request: Request) -> bool:
        where = request.headers.get("sec-fetch-site")
        if where is not None:
            return where in ("same-origin", "none")
        origin = request.headers.get("origin")
        here = f"{request.url.scheme}://{request.headers.get('host', '')}"
        return origin is None or origin in (self._site, here)

    def _is_framed(self, request: Request) -> bool:
        """Whether it comes from a frame without an origin, to a route that a token alone opens.

        Such a request has no cookie either: it could be anybody's, and the route asks for the token.
        """
        return request.url.path in self._framed and request.headers.get("origin") == "null"

    def _switch(self, request: Request) -> Response | None:
        chosen = request.query_params.get(LANGUAGE_COOKIE)
        if request.method != "GET" or chosen not in LANGUAGES:
            return None
        kept = [
            (name, value)
            for name, value in parse_qsl(request.url.query, keep_blank_values=True)
            if name != LANGUAGE_COOKIE
        ]
        address = quote(request.url.path) + (f"?{urlencode(kept)}" if kept else "")
        answer = RedirectResponse("/" + address.lstrip("/"), HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            LANGUAGE_COOKIE, chosen, max_age=_A_YEAR, samesite="lax", secure=self._secure
        )
        return answer


def _note_act(request: Request, headers: MutableHeaders) -> None:
    """Renew the time of the person's last act, where the answer is to one and begins or ends no session."""
    if not hasattr(request.state, "staff") or not is_of_a_person(request, request.method):
        return
    sessions = sessions_of(request)
    session = sessions.read(request)
    if session is None or any(
        sessions.seen_cookie in set_ for set_ in headers.getlist("set-cookie")
    ):
        return
    renewed = Response()
    sessions.renew(renewed, session)
    for cookie in renewed.headers.getlist("set-cookie"):
        headers.append("set-cookie", cookie)
