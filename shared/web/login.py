"""The login: OpenID Connect, authorization code with PKCE and nonce, by authlib.

Only one service mounts it (`notify`); all services accept its session. Roles and places come
from the claims `roles`, `places` and `title` of the ID token. In the demo the login page shows the
synthetic staff, one button each. The chosen person goes to the stand-in issuer as `login_hint`;
the rest is the same flow as with any issuer.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from fastapi import APIRouter, FastAPI, Form, Request
from fastapi.responses import RedirectResponse, Response
from httpx2 import HTTPError
from joserfc.errors import JoseError
from starlette.middleware.sessions import SessionMiddleware

from shared.staff.access import Role, Staff
from shared.web.guard import policy
from shared.web.installation import WebSettings
from shared.web.rendering import render
from shared.web.session import sessions_of

CLIENT_ID: Final = "samraad"
HOME: Final = "/notify/inbox"

_PENDING: Final = 600
"""Seconds between the redirect to the issuer and the return."""

People = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]
"""The demo's staff, in the order of the page: id, name, title, does, places, first."""

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


def install_login(app: FastAPI, settings: WebSettings, people: People) -> None:
    """Mount the login, its return and the logout at `/notify/`; call after `install`."""
    if settings.client_secret_file is None or settings.session_secret_file is None:
        raise ValueError("SAMRAAD_CLIENT_SECRET_FILE must name the file with the login's secret")
    login = Login(settings, settings.client_secret_file.read_text().strip(), people)
    router = APIRouter(prefix="/notify", include_in_schema=False)
    router.get("/login")(login.ask)
    router.post("/login")(login.chosen)
    router.get("/callback")(login.callback)
    router.post("/logout")(login.logout)
    app.include_router(router)
    app.add_middleware(
        SessionMiddleware,
        secret_key=settings.session_secret_file.read_text().strip(),
        session_cookie="samraad_login",
        max_age=_PENDING,
        path="/notify",
        https_only=settings.site_url.startswith("https:"),
    )


class Login:
    """The four steps of the login as pages."""

    def __init__(self, settings: WebSettings, client_secret: str, people: People) -> None:
        self._site = settings.site_url.rstrip("/")
        self._issuer = settings.issuer.rstrip("/")
        self._client_secret = client_secret
        self._demo = settings.demo
        self._people = people

    async def ask(self, request: Request, next: str | None = None) -> Response:  # noqa: A002
        """Show the demo's staff to choose from; without a demo, redirect to the issuer at once."""
        back = safe_next(next)
        if sessions_of(request).read(request) is not None:
            return RedirectResponse(back, HTTPStatus.SEE_OTHER)
        if not self._demo:
            return await self._leave(request, back, None)
        answer = render(request, "login.html", people=await self._people(), back=back)
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
        known = self._demo and any(one["id"] == person for one in await self._people())
        if not known:
            return RedirectResponse("/notify/login", HTTPStatus.SEE_OTHER)
        return await self._leave(request, safe_next(next), person)

    async def callback(self, request: Request) -> Response:
        """Exchange the issuer's code for the person's identity, and open the session."""
        back = safe_next(request.session.get("next"))
        try:
            token = await self._client().authorize_access_token(request)
            who = _staff_of(token["userinfo"])
        except (AuthlibBaseError, JoseError, HTTPError, KeyError, TypeError) as refused:
            _log.warning("login refused", reason=type(refused).__name__)
            request.session.clear()
            return render(request, "login-failed.html", status=HTTPStatus.BAD_REQUEST, back=back)
        request.session.clear()
        answer = RedirectResponse(back, HTTPStatus.SEE_OTHER)
        sessions_of(request).open(answer, who)
        _log.info("logged in", staff=who.id)
        return answer

    async def logout(self, request: Request) -> Response:
        """End the session of this browser."""
        answer = RedirectResponse("/notify/login", HTTPStatus.SEE_OTHER)
        sessions_of(request).close(answer)
        return answer

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


def _staff_of(claims: Mapping[str, Any]) -> Staff:
    """Return the person from an ID token's claims; unknown roles are left out."""
    roles = tuple(role for role in claims["roles"] if role in set(Role))
    return Staff(
        id=str(claims["sub"]),
        name=str(claims["name"]),
        title=str(claims["title"]),
        roles=roles,
        places=tuple(str(place) for place in claims["places"]),
    )
