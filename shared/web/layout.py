"""The shared layout: renders a service's templates inside it, in the language of the request."""

from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlencode

from babel.numbers import format_decimal
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException as RaisedWithStatus

from shared.staff.access import Action, Staff, may
from shared.web import clock, problems
from shared.web.guard import Guard
from shared.web.session import LoginRequired, Sessions, sessions_of
from shared.web.words import LANGUAGE_COOKIE, LANGUAGES, N_, catalogue, language_of

HERE: Final = Path(__file__).parent


class WebSettings(Protocol):
    """What the pages need of a service's settings (see `shared.runtime.settings.ServiceSettings`)."""

    @property
    def site_url(self) -> str:
        """Where staff reach the site."""

    @property
    def issuer(self) -> str:
        """The login's issuer."""

    @property
    def client_secret_file(self) -> Path | None:
        """Our secret with the issuer; only the service with the login needs it."""

    @property
    def session_secret_file(self) -> Path | None:
        """What signs the session cookie; the same for all services."""

    @property
    def assets_dir(self) -> Path | None:
        """The design system's files, where no web server stands in front."""

    @property
    def demo(self) -> bool:
        """Whether everything is synthetic; the pages say so."""


class Tab(NamedTuple):
    """An entry of the main menu, shown to who may do its action somewhere."""

    key: str
    address: str
    label: str
    action: Action


TABS: Final = (Tab("triage", "/intake/triage", N_("Visitation"), Action.READ_TRIAGE),)


def install(app: FastAPI, settings: WebSettings, *, service: str, templates: Path) -> None:
    """Give a service its pages: templates, sessions, middleware, problem pages and assets."""
    if settings.session_secret_file is None:
        raise ValueError("SAMRAAD_SESSION_SECRET_FILE must name the file with the session secret")
    secret = settings.session_secret_file.read_bytes().strip()
    app.state.settings = settings
    app.state.service = service
    app.state.sessions = Sessions(secret, secure=settings.site_url.startswith("https:"))
    app.state.environments = {
        language: _environment(templates, language, demo=settings.demo) for language in LANGUAGES
    }
    app.add_middleware(Guard, site_url=settings.site_url)
    app.add_exception_handler(RaisedWithStatus, problems.on_http_exception)
    app.add_exception_handler(RequestValidationError, problems.on_invalid)
    app.add_exception_handler(LoginRequired, problems.on_login_required)
    app.mount("/assets/samraad", StaticFiles(directory=HERE / "static"), name="samraad")
    if settings.assets_dir is not None:
        for name, folder in (
            ("dkfds", settings.assets_dir),
            ("htmx", settings.assets_dir.parent / "htmx"),
        ):
            app.mount(f"/assets/{name}", StaticFiles(directory=folder, check_dir=False), name=name)


def render(
    request: Request, template: str, *, status: int = HTTPStatus.OK, **context: Any
) -> HTMLResponse:
    """Render a page, or a part of one, for whoever asks, in the language they chose."""
    language = language_of(request)
    environments: dict[str, Environment] = request.app.state.environments
    person = sessions_of(request).read(request)
    now, words = datetime.now(UTC), catalogue(language)
    known: dict[str, Any] = {
        "person": person,
        "tabs": _tabs_of(person),
        "page": None,
        "crumbs": (),
        "title": None,
        "unread": None,
        "languages": _language_links(request, language),
        "moment": partial(clock.moment, now=now, language=language, words=words),
        "deadline": partial(clock.deadline, now=now, language=language, words=words),
        "day": partial(clock.day, now=now, language=language),
        "clock": partial(clock.clock, language=language),
        "number": partial(format_decimal, locale=language),
    }
    html = environments[language].get_template(template).render(known | context)
    return HTMLResponse(html, status, headers={"Content-Language": language, "Vary": "Cookie"})


def _environment(templates: Path, language: str, *, demo: bool) -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            [FileSystemLoader(templates), FileSystemLoader(HERE / "templates")],
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(  # type: ignore[attr-defined]  # added by the extension
        catalogue(language), newstyle=True
    )
    environment.globals.update(language=language, demo=demo)
    macros = environment.get_template("macros.html").module
    names = (name for name in vars(macros) if not name.startswith("_"))
    environment.globals.update({name: getattr(macros, name) for name in names})
    return environment


def _tabs_of(person: Staff | None) -> list[Tab]:
    return [tab for tab in TABS if person is not None and may(person, tab.action)]


def _language_links(request: Request, language: str) -> list[dict[str, Any]]:
    kept = parse_qsl(request.url.query, keep_blank_values=True)
    kept = [(name, value) for name, value in kept if name != LANGUAGE_COOKIE]
    return [
        {
            "code": code,
            "name": {"da": "Dansk", "en": "English"}[code],
            "chosen": code == language,
            "address": "?" + urlencode([*kept, (LANGUAGE_COOKIE, code)]),
        }
        for code in LANGUAGES
    ]
