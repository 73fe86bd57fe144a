"""Who is logged in: a signed cookie that every service can check by itself.

The cookie holds the login's subject, name, title, roles and places, signed with the secret that all
services share, and ends 8 hours after the login. Pages show all that it holds. It depends on the
secret alone, so it survives a restart of any service and of the issuer.
"""

import hashlib
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Depends, Request
from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from shared.staff.access import Staff

COOKIE: Final = "samraad"
LASTS: Final = timedelta(hours=8)


class LoginRequired(Exception):
    """Nobody is logged in: the browser must go to the login, and then return to `back`."""

    def __init__(self, back: str) -> None:
        super().__init__("login required")
        self.back = back


class Sessions:
    """Signs and checks the session cookie. `secure` is whether the site uses https."""

    def __init__(self, secret: bytes, *, secure: bool) -> None:
        self._secure = secure
        self._signer = URLSafeTimedSerializer(
            secret,
            salt="samraad.session",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def open(self, response: Response, staff: Staff) -> None:
        """Set the person's session cookie on the response."""
        signed = self._signer.dumps(
            [staff.id, staff.name, staff.title, list(staff.roles), list(staff.places)]
        )
        response.set_cookie(
            COOKIE,
            str(signed),
            max_age=int(LASTS.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=self._secure,
        )

    def close(self, response: Response) -> None:
        """End the session of the browser that gets the response."""
        response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=self._secure)

    def read(self, request: HTTPConnection) -> Staff | None:
        """Return the person who is logged in; None without a valid session."""
        cookie = request.cookies.get(COOKIE)
        if cookie is None:
            return None
        try:
            loaded: Any = self._signer.loads(cookie, max_age=int(LASTS.total_seconds()))
        except BadData:
            return None
        who, name, title, roles, places = loaded
        return Staff(id=who, name=name, title=title, roles=tuple(roles), places=tuple(places))


def sessions_of(request: HTTPConnection) -> Sessions:
    """Return the sessions that `shared.web.install` gave the app."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def staff(request: Request) -> Staff:
    """Return the person who is logged in, or raise `LoginRequired` (a FastAPI dependency)."""
    found = sessions_of(request).read(request)
    if found is None:
        raise LoginRequired(back_to(request))
    return found


LoggedIn = Annotated[Staff, Depends(staff)]


def back_to(request: Request) -> str:
    """Return the address to return to after the login; empty if this request shows no page."""
    if request.method == "GET" and "hx-request" not in request.headers:
        query = f"?{request.url.query}" if request.url.query else ""
        return quote(request.url.path) + query
    return ""
