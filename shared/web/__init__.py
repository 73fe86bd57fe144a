"""The staff pages' common part: layout, language, login, problem pages. Knows no service.

A service that has pages does three things:

    from shared import web

    web.install(app, settings, service="psp", templates=Path(__file__).parent / "templates",
                directory=engine.directory)

    @router.get("/psp/cases/{case_id}")
    async def case_page(request: Request, case_id: UUID, staff: web.LoggedIn) -> Response:
        case = await cases.find(case_id)
        if case is None or not may(staff, Action.READ_PSP_CASE, municipality=case["municipality"]):
            raise web.missing()
        return web.render(request, "case.html", page="psp", title=case.reference,
                          crumbs=[("PSP", None)], case=case)

and a template, in Danish; the words in `_()` are the catalogue's keys, English is `locale/en.po`:

    {% extends "layout.html" %}
    {% block main %}<h1>{{ _("PSP-sag") }}</h1>{{ due(deadline(case.due_at)) }}{% endblock %}

- `install(app, settings, *, service, templates, directory)` adds the middleware (security headers, language
  switch, same-origin check of every POST, the problem page for what goes wrong), the answers to
  404 and 422, and `/assets` for a service that is opened without the web server in front of it.
- `LoggedIn` (or `Depends(web.staff)`) is the logged-in `Staff`: id, session, and the name, title,
  roles and places of now, by the service's directory. Other browsers are redirected to the login,
  which returns them to the same address. Where the directory may be old, the answer is 503.
- `render(request, template, *, status=200, **context)` renders in the language of the request.
  The layout takes `title` (without "· Samråd"), `page` (a tab's key in
  `shared.web.rendering.TABS`), `crumbs` (pairs of words and address; the last address is None), and `unread` if it is known.
- `missing()` is the one 404, for what does not exist and for what the person may not see.
- `words(request)` gives `gettext` and `ngettext` of the request's language; words in
  Python are marked with `N_("…")`, so that `python -m shared.web.extract` finds them.
- in templates: `_`, `ngettext`, `moment(when)` ("i dag kl. 12.15"), `deadline(when)` for the
  macro `due`, and the macros of `macros.html`: `ic due badge why opt select text alert empty
  facts`. Links within the site are written from its root ("/intake/triage").
- without JavaScript every page works; a part of a page that refreshes itself carries `hx-get` and
  `hx-trigger="samraad:notices from:body, every 10s"` and is rendered alone for the header
  `HX-Request` (see `services/notify/pages.py`).

Only `notify` has the help pages (`install_guidance(app)`) and the login: `install_login(app, settings, store)`. Every service describes what it
writes and reads: `install_specification(app, describe)` serves `/asyncapi` and `/docs`.
"""

from shared.staff.access import Staff
from shared.web.guidance import install_guidance
from shared.web.installation import WebSettings, install
from shared.web.login import install_login
from shared.web.problems import missing
from shared.web.rendering import render
from shared.web.session import LoggedIn, staff
from shared.web.specification import install_specification
from shared.web.words import N_, words

__all__ = [
    "N_",
    "LoggedIn",
    "Staff",
    "WebSettings",
    "install",
    "install_guidance",
    "install_login",
    "install_specification",
    "missing",
    "render",
    "staff",
    "words",
]
