"""Gives a service its pages: sessions, middleware, problem pages, templates and assets."""

from pathlib import Path
from typing import Final, Protocol

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from pymongo.errors import ConnectionFailure
from starlette.exceptions import HTTPException as RaisedWithStatus

from shared.errors import Conflict, Rejected, Unavailable
from shared.security.signatures import PublicKeys
from shared.staff.directory import Directory, NotCurrent
from shared.web import problems
from shared.web.guard import Guard
from shared.web.rendering import make_environment
from shared.web.session import LoginRequired, Sessions
from shared.web.words import LANGUAGES

STATIC: Final = Path(__file__).parent / "static"


class WebSettings(Protocol):
    """The settings that pages need (see `shared.runtime.settings.ServiceSettings`)."""

    @property
    def site_url(self) -> str:
        """The URL of the site for staff."""

    @property
    def issuer(self) -> str:
        """The URL of the OIDC issuer."""

    @property
    def client_secret_file(self) -> Path | None:
        """The client secret at the issuer; only the service with the login needs it."""

    @property
    def session_secret_file(self) -> Path | None:
        """The key under which the time of a person's last act is kept; the same for all services."""

    @property
    def public_keys(self) -> PublicKeys:
        """What checks the session cookie, which `notify` signs."""

    @property
    def assets_dir(self) -> Path | None:
        """The design system's files; None if a web server in front serves them."""

    @property
    def demo(self) -> bool:
        """Whether all data is synthetic; the pages show that."""


def install(
    app: FastAPI,
    settings: WebSettings,
    *,
    service: str,
    templates: Path,
    directory: Directory,
    framed: frozenset[str] = frozenset(),
) -> None:
    """Give a service its pages: templates, sessions, middleware, problem pages and assets.

    `framed` are the routes that take forms from a frame without an origin (`guard`).
    """
    if settings.session_secret_file is None:
        raise ValueError("SAMRAAD_SESSION_SECRET_FILE must name the file with the session secret")
    secret = settings.session_secret_file.read_bytes().strip()
    app.state.settings = settings
    app.state.service = service
    secure = settings.site_url.startswith("https:")
    app.state.sessions = Sessions(settings.public_keys, secret, secure=secure)
    app.state.directory = directory
    app.state.environments = {
        language: make_environment(templates, language, demo=settings.demo)
        for language in LANGUAGES
    }
    app.add_middleware(Guard, site_url=settings.site_url, framed=framed)
    app.add_exception_handler(RaisedWithStatus, problems.on_http_exception)
    app.add_exception_handler(RequestValidationError, problems.on_invalid)
    app.add_exception_handler(NotCurrent, problems.on_not_current)
    app.add_exception_handler(LoginRequired, problems.on_login_required)
    for refused in (Rejected, Conflict):
        app.add_exception_handler(refused, problems.on_refused)
    for away in (Unavailable, ConnectionFailure):
        app.add_exception_handler(away, problems.on_unavailable)
    app.mount("/assets/samraad", StaticFiles(directory=STATIC), name="samraad")
    if settings.assets_dir is not None:
        for name, folder in (
            ("dkfds", settings.assets_dir),
            ("htmx", settings.assets_dir.parent / "htmx"),
        ):
            app.mount(f"/assets/{name}", StaticFiles(directory=folder, check_dir=False), name=name)
