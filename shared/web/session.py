"""Who is logged in, by two cookies that every service checks by itself.

The first says who, which session, and until when (8 hours at most), and nothing more. `notify` alone
signs it with its private key; the others check with the public one. The second is the time of the
last thing that the person did, under a key that all services share. It is renewed by pages that a
person opens and forms that a person sends, never by what refreshes itself. When it is older than 30
minutes, the session has ended. Whoever forged it could prolong a session that is open, and make none.

What the person may do is not in the cookies: a service asks its own directory at each request.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, NamedTuple
from urllib.parse import quote

from fastapi import Depends, Request
from pymongo.errors import PyMongoError
from starlette.requests import HTTPConnection
from starlette.responses import Response

from shared.security.signatures import Kind, PublicKeys, Signer, TokenRefused
from shared.staff.access import Staff
from shared.staff.directory import Directory, NotCurrent

__all__ = [
    "IDLE",
    "LASTS",
    "LoggedIn",
    "LoginRequired",
    "Session",
    "Sessions",
    "recognise",
    "require_session",
    "sessions_of",
    "sign_session",
    "staff",
]

LASTS: Final = timedelta(hours=8)
IDLE: Final = timedelta(minutes=30)

_KIND: Final = Kind("session+jwt", LASTS)
_OWNER: Final = "notify"
_AUDIENCE: Final = "staff-pages"
_SESSION: Final = "samraad_session"
_SEEN: Final = "samraad_seen"
_RENEWED: Final = timedelta(minutes=1)
"""A time that is younger is not written again."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class LoginRequired(Exception):
    """Nobody is logged in: the browser must go to the login, and then return to `back`."""

    def __init__(self, back: str) -> None:
        super().__init__("login required")
        self.back = back


class Session(NamedTuple):
    """What the cookies say."""

    staff_id: str
    id: str
    seen: datetime
    """When the person last did something."""


def sign_session(
    signer: Signer, staff_id: str, session_id: str, *, now: datetime | None = None
) -> str:
    """Return the first cookie's value: who, which session, until when. For `notify` alone."""
    claims = {"sub": staff_id, "sid": session_id}
    return signer.sign(_KIND, claims, audience=_AUDIENCE, lasts=LASTS, now=now)


class Sessions:
    """Reads and writes the cookies. `secure` is whether the site uses https."""

    def __init__(self, keys: PublicKeys, secret: bytes, *, secure: bool) -> None:
        self._keys = keys
        self._secret = secret
        self._secure = secure
        prefix = "__Host-" if secure else ""
        self.session_cookie = prefix + _SESSION
        self.seen_cookie = prefix + _SEEN

    def open(
        self, response: Response, signed: str, session_id: str, *, now: datetime | None = None
    ) -> None:
        """Set the cookies of a session that begins."""
        self._set(response, self.session_cookie, signed)
        self._set(response, self.seen_cookie, self._seen(session_id, now or datetime.now(UTC)))

    def renew(self, response: Response, session: Session, *, now: datetime | None = None) -> None:
        """Note that the person did something now, unless that was noted a moment ago."""
        now = now or datetime.now(UTC)
        if now - session.seen >= _RENEWED:
            self._set(response, self.seen_cookie, self._seen(session.id, now))

    def close(self, response: Response) -> None:
        """End the session of the browser that gets the response."""
        for name in (self.session_cookie, self.seen_cookie):
            response.delete_cookie(
                name, path="/", httponly=True, samesite="lax", secure=self._secure
            )

    def read(self, request: HTTPConnection, *, now: datetime | None = None) -> Session | None:
        """Return the session of the request; None if there is none, or nothing was done for long.

        Whether it was ended before its time, the directory knows.
        """
        signed = request.cookies.get(self.session_cookie)
        if signed is None:
            return None
        now = now or datetime.now(UTC)
        try:
            claims = self._keys.verify(signed, _KIND, issuer=_OWNER, audience=_AUDIENCE, now=now)
        except TokenRefused:
            return None
        staff_id, session_id = str(claims.get("sub")), str(claims.get("sid"))
        seen = self._read_seen(request.cookies.get(self.seen_cookie, ""), session_id)
        if seen is None or not -_RENEWED <= now - seen <= IDLE:
            return None
        return Session(staff_id, session_id, seen)

    def _seen(self, session_id: str, at: datetime) -> str:
        second = str(int(at.timestamp()))
        return f"{second}.{self._mac(session_id, second)}"

    def _read_seen(self, cookie: str, session_id: str) -> datetime | None:
        second, _, mac = cookie.partition(".")
        if not second.isascii() or not second.isdecimal() or len(second) > len("4102444800"):
            return None
        if not hmac.compare_digest(mac.encode(), self._mac(session_id, second).encode()):
            return None
        return datetime.fromtimestamp(int(second), UTC)

    def _mac(self, session_id: str, second: str) -> str:
        text = f"samraad.seen|{session_id}|{second}"
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()

    def _set(self, response: Response, name: str, value: str) -> None:
        response.set_cookie(
            name,
            value,
            max_age=int(LASTS.total_seconds()),
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._secure,
        )


def sessions_of(request: HTTPConnection) -> Sessions:
    """Return the sessions that `shared.web.install` gave the app."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def directory_of(request: HTTPConnection) -> Directory:
    """Return the directory that `shared.web.install` gave the app."""
    directory: Directory = request.app.state.directory
    return directory


def require_session(request: Request) -> Session:
    """Return the session of the request by its cookies; raises LoginRequired without one."""
    session = sessions_of(request).read(request)
    if session is None:
        raise LoginRequired(back_to(request))
    return session


async def staff(request: Request) -> Staff:
    """Return the person who is logged in, as they are now (a FastAPI dependency).

    Raises:
        LoginRequired: nobody is logged in, or the session has ended.
        NotCurrent: what the service knows of staff may be old.

    """
    session = require_session(request)
    found = await directory_of(request).find(session.staff_id, session.id)
    if found is None:
        raise LoginRequired(back_to(request))
    request.state.staff = found
    return found


LoggedIn = Annotated[Staff, Depends(staff)]


async def recognise(request: Request) -> Staff | None:
    """Return the person who is logged in, for the head of a page that everybody may see.

    None where nobody is, or where that is not known now.
    """
    known: Staff | None = getattr(request.state, "staff", None)
    if known is not None:
        return known
    try:
        return await staff(request)
    except (LoginRequired, NotCurrent, PyMongoError):
        return None


def is_of_a_person(request: HTTPConnection, method: str) -> bool:
    """Return whether a person did this: opened a page or sent a form.

    The bell, the streams and lists that refresh themselves do not count, with scripts or without:
    where a browser says how it asks, it says of a page too whether a person asked (`Sec-Fetch-User`).
    """
    if method not in _SAFE:
        return True
    if method != "GET" or "hx-request" in request.headers:
        return False
    dest, user = (request.headers.get(f"sec-fetch-{name}") for name in ("dest", "user"))
    is_asked_for = dest is None or (dest == "document" and user == "?1")
    return is_asked_for and "text/html" in request.headers.get("accept", "")


def back_to(request: Request) -> str:
    """Return the address to return to after the login; empty if this request shows no page."""
    if request.method == "GET" and "hx-request" not in request.headers:
        query = f"?{request.url.query}" if request.url.query else ""
        return quote(request.url.path) + query
    return ""
