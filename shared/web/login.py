"""The login: OpenID Connect, authorization code with PKCE and nonce, by authlib.

Only one service mounts it (`notify`), which owns the directory of staff and signs sessions; all
services accept them. The issuer says who somebody is. What they may do is in the directory: the
claims `roles`, `places` and `title` of the ID token count only for somebody whom it does not know.
In the demo the login page shows the synthetic staff, one button each. The chosen person goes to the
stand-in issuer as `login_hint`; the rest is the same flow as with any issuer.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from httpx2 import HTTPError
from joserfc.errors import JoseError
from starlette.middleware.sessions import SessionMiddleware

from shared.staff.access import Role
from shared.web.backchannel import (
    MOST_CHARACTERS,
    IssuerKeys,
    LogoutRefused,
    LogoutToken,
    read_logout,
)
from shared.web.guard import policy
from shared.web.installation import WebSettings
from shared.web.problems import RETRY_AFTER
from shared.web.rendering import render
from shared.web.session import recognise, sessions_of

CLIENT_ID: Final = "samraad"
HOME: Final = "/notify/inbox"

_PENDING: Final = 600
"""Seconds between the redirect to the issuer and the return."""


class Claims(NamedTuple):
    """What the issuer says of somebody who logs in."""

    id: str
    name: str
    title: str
    roles: tuple[str, ...]
    places: tuple[str, ...]
    issuer_session: str | None
    """The issuer's own session (`sid`), which a back-channel logout names."""


class Opened(NamedTuple):
    """A session that begins."""

    id: str
    cookie: str
    """The signed value of its cookie."""


class LoginStore(Protocol):
    """What the login needs of the service that owns the directory."""

    async def everyone(self) -> Sequence[Mapping[str, Any]]:
        """Return the demo's staff, in the order of the page: id, name, title, does, places, first."""

    async def begin(self, who: Claims) -> Opened | None:
        """Begin a session; None where the person does not belong to the staff any more."""

    async def end(self, session_id: str) -> None:
        """End a session at every service; one that has ended stays as it is."""

    async def end_of_issuer(self, ended: LogoutToken) -> int:
        """End the sessions that the issuer has ended, once; return how many were open."""


_log = structlog.get_logger(__name__)


def safe_next(wanted: str | None) -> str:
    """Return the address to go to after the login: a path of this site, else the inbox."""
    if not wanted or not wanted.startswith("/") or not wanted.isprintable():
        return HOME
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or wanted.startswith(("//", "/\\")) or "\\" in wanted:
        return HOME
    return wanted


def install_login(app: FastAPI, settings: WebSettings, store: LoginStore) -> None:
    """Mount the login, its return and the logout at `/notify/`; call after `install`."""
    if settings.client_secret_file is None or settings.session_secret_file is None:
        raise ValueError("SAMRAAD_CLIENT_SECRET_FILE must name the file with the login's secret")
    login = Login(settings, settings.client_secret_file.read_text().strip(), store)
    router = APIRouter(prefix="/notify", include_in_schema=False)
    router.get("/login")(login.ask)
    router.post("/login")(login.chosen)
    router.get("/callback")(login.callback)
    router.post("/logout")(login.logout)
    router.post("/backchannel-logout")(login.ended_by_issuer)
    app.include_router(router)
    secure = settings.site_url.startswith("https:")
    app.add_middleware(
        SessionMiddleware,
        secret_key=settings.session_secret_file.read_text().strip(),
        session_cookie="__Host-samraad_login" if secure else "samraad_login",
        max_age=_PENDING,
        path="/",
        https_only=secure,
    )


class Login:
    """The steps of the login as pages, and the two ways in which a session ends."""

    def __init__(self, settings: WebSettings, client_secret: str, store: LoginStore) -> None:
        self._site = settings.site_url.rstrip("/")
        self._issuer = settings.issuer.rstrip("/")
        self._client_secret = client_secret
        self._demo = settings.demo
        self._store = store
        self._keys = IssuerKeys(self._fetch_keys)
        self._called = ""

    async def ask(self, request: Request, next: str | None = None) -> Response:  # noqa: A002
        """Show the demo's staff to choose from; without a demo, redirect to the issuer at once."""
        back = safe_next(next)
        if await recognise(request) is not None:
            return RedirectResponse(back, HTTPStatus.SEE_OTHER)
        if not self._demo:
            return await self._leave(request, back, None)
        answer = render(request, "login.html", people=await self._store.everyone(), back=back)
        # The form leads on to the issuer, and a browser holds the redirect to the form's policy.
        answer.headers["Content-Security-Policy"] = policy(self._issuer)
        return answer

    async def chosen(
        self,
        request: Request,
        person: Annotated[str, Form(max_length=64)],
        next: Annotated[str | None, Form()] = None,  # noqa: A002
    ) -> Response:
        """Redirect to the issuer as the chosen person (demo)."""
        known = self._demo and any(one["id"] == person for one in await self._store.everyone())
        if not known:
            return RedirectResponse("/notify/login", HTTPStatus.SEE_OTHER)
        return await self._leave(request, safe_next(next), person)

    async def callback(self, request: Request) -> Response:
        """Exchange the issuer's code for the person's identity, and open the session."""
        back = safe_next(request.session.get("next"))
        try:
            token = await self._client().authorize_access_token(request)
            who = _claims_of(token["userinfo"])
        except (AuthlibBaseError, JoseError, HTTPError, KeyError, TypeError) as refused:
            _log.warning("login refused", reason=type(refused).__name__)
            request.session.clear()
            return render(request, "login-failed.html", status=HTTPStatus.BAD_REQUEST, back=back)
        request.session.clear()
        opened = await self._store.begin(who)
        if opened is None:
            _log.warning("login refused", reason="not active", staff=who.id)
            return render(request, "login-failed.html", status=HTTPStatus.FORBIDDEN, back=back)
        answer = RedirectResponse(back, HTTPStatus.SEE_OTHER)
        sessions_of(request).open(answer, opened.cookie, opened.id)
        _log.info("logged in", staff=who.id)
        return answer

    async def logout(self, request: Request) -> Response:
        """End the session of this browser, at every service."""
        sessions = sessions_of(request)
        session = sessions.read(request)
        if session is not None:
            await self._store.end(session.id)
        answer = RedirectResponse("/notify/login", HTTPStatus.SEE_OTHER)
        sessions.close(answer)
        return answer

    async def ended_by_issuer(
        self, logout_token: Annotated[str, Form(max_length=MOST_CHARACTERS)]
    ) -> Response:
        """Take in that the issuer ended a session: 200 also where none was open here."""
        headers = {"Cache-Control": "no-store"}
        try:
            await self._keys.current()  # which also says what the issuer calls itself
            ended = await read_logout(
                logout_token, self._keys, issuer=self._called, client_id=CLIENT_ID
            )
        except LogoutRefused:
            return JSONResponse({"error": "invalid_request"}, HTTPStatus.BAD_REQUEST, headers)
        except (HTTPError, AuthlibBaseError, JoseError, KeyError, RuntimeError, ValueError):
            retry = {**headers, "Retry-After": RETRY_AFTER}
            return JSONResponse({}, HTTPStatus.SERVICE_UNAVAILABLE, retry)
        _log.info("logged out by the issuer", sessions=await self._store.end_of_issuer(ended))
        return Response(status_code=HTTPStatus.OK, headers=headers)

    async def _fetch_keys(self) -> Mapping[str, Any]:
        client = self._client()
        self._called = str((await client.load_server_metadata())["issuer"])
        keys: Mapping[str, Any] = await client.fetch_jwk_set(force=True)
        return keys

    async def _leave(self, request: Request, back: str, hint: str | None) -> Response:
        request.session["next"] = back
        extra = {} if hint is None else {"login_hint": hint}
        try:
            answer: Response = await self._client().authorize_redirect(
                request, f"{self._site}/notify/callback", **extra
            )
        except HTTPError:
            return render(request, "login-failed.html", status=HTTPStatus.BAD_GATEWAY, back=back)
        answer.status_code = HTTPStatus.SEE_OTHER
        return answer

    def _client(self) -> Any:
        # Made anew for each login: the issuer may have been restarted with other keys.
        return OAuth().register(
            "issuer",
            client_id=CLIENT_ID,
            client_secret=self._client_secret,
            server_metadata_url=f"{self._issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid profile",
                "code_challenge_method": "S256",
                "timeout": 10,
            },
        )


def _claims_of(claims: Mapping[str, Any]) -> Claims:
    """Return what an ID token says of a person; unknown roles are left out."""
    issuer_session = claims.get("sid")
    return Claims(
        id=str(claims["sub"]),
        name=str(claims.get("name") or claims["sub"]),
        title=str(claims.get("title") or ""),
        roles=tuple(role for role in _texts(claims.get("roles")) if role in set(Role)),
        places=_texts(claims.get("places")),
        issuer_session=None if issuer_session is None else str(issuer_session),
    )


def _texts(claim: object) -> tuple[str, ...]:
    """Return a claim that is a list of texts; an absent one gives nothing."""
    return tuple(map(str, claim)) if isinstance(claim, list) else ()
