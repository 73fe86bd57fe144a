"""Renders a service's templates in the shared layout, in the language of the request."""

from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

from babel.numbers import format_decimal
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

from shared.staff.access import Action, Staff
from shared.staff.sight import sight_of
from shared.web import clock
from shared.web.roles import role_words
from shared.web.words import LANGUAGE_COOKIE, LANGUAGES, N_, catalogue, language_of

HERE: Final = Path(__file__).parent


class Tab(NamedTuple):
    """An entry of the main menu, shown to staff who may do its action to at least some cases."""

    key: str
    address: str
    label: str
    action: Action


TABS: Final = (
    Tab("triage", "/intake/triage", N_("Henvendelser"), Action.READ_TRIAGE),
    Tab("mediation", "/mediation/cases", N_("Konfliktråd"), Action.READ_MEDIATION_CASE),
    Tab("psp", "/psp/cases", N_("PSP"), Action.READ_PSP_CASE),
)


def render(
    request: Request, template: str, *, status: int = HTTPStatus.OK, **context: Any
) -> HTMLResponse:
    """Render a page, or a part of one, in the language that the person chose.

    Its head names the person whom the request was recognised as (`LoggedIn`, `recognise`).
    """
    language = language_of(request)
    environments: dict[str, Environment] = request.app.state.environments
    person: Staff | None = getattr(request.state, "staff", None)
    now, words = datetime.now(UTC), catalogue(language)
    known: dict[str, Any] = {
        "person": person,
        "tabs": _tabs_of(person),
        "page": None,
        "crumbs": (),
        "title": None,
        "unread": None,
        "danger": 0,
        "now": now,
        "languages": _language_links(request, language),
        "moment": partial(clock.moment, now=now, language=language, words=words),
        "deadline": partial(clock.deadline, now=now, language=language, words=words),
        "day": partial(clock.day, now=now, language=language),
        "clock": partial(clock.clock, language=language),
        "number": partial(format_decimal, locale=language),
    }
    html = environments[language].get_template(template).render(known | context)
    return HTMLResponse(html, status, headers={"Content-Language": language, "Vary": "Cookie"})


def make_environment(templates: Path, language: str, *, demo: bool) -> Environment:
    """Return the templates of a service and the shared ones, in one language."""
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
    environment.globals.update(language=language, demo=demo, role_words=role_words)
    macros = environment.get_template("macros.html").module
    names = (name for name in vars(macros) if not name.startswith("_"))
    environment.globals.update({name: getattr(macros, name) for name in names})
    return environment


def _tabs_of(person: Staff | None) -> list[Tab]:
    return [tab for tab in TABS if person is not None and sight_of(person, tab.action)]


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
