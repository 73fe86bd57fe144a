"""Pages for everybody, also without a login: help, what is logged, and how accessible the pages are."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from shared.web.logged import FIELDS, KINDS
from shared.web.rendering import render
from shared.web.session import recognise
from shared.web.words import N_, words

__all__ = ["install_guidance"]

_HELP, _LOGGED = N_("Hjælp og vejledning"), N_("Hvad bliver logget?")
_ACCESSIBILITY = N_("Tilgængelighedserklæring")


def install_guidance(app: FastAPI) -> None:
    """Serve the pages below `/notify/`, where the footer of every page leads."""
    router = APIRouter(prefix="/notify", include_in_schema=False)

    @router.get("/help")
    async def helping(request: Request) -> Response:
        return await _page(request, "help.html", _HELP)

    @router.get("/logged")
    async def logged(request: Request) -> Response:
        return await _page(request, "logged.html", _LOGGED, kinds=KINDS, fields=FIELDS)

    @router.get("/accessibility")
    async def accessibility(request: Request) -> Response:
        return await _page(request, "accessibility.html", _ACCESSIBILITY)

    app.include_router(router)


async def _page(request: Request, template: str, title: str, **context: Any) -> Response:
    await recognise(request)
    heading = words(request).gettext(title)
    return render(request, template, title=heading, crumbs=[(heading, None)], **context)
