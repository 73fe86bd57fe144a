"""The composition of mediation."""

from functools import partial

from fastapi import FastAPI

from services.mediation.domain import RULES
from services.mediation.earlier_cases import ask_for_looks
from services.mediation.handlers import make_inbox, make_timers
from services.mediation.mediations import MEDIATIONS
from services.mediation.pages import TEMPLATES, make_pages
from services.mediation.settings import Settings
from shared import web
from shared.cases.case_service import make_case_engine
from shared.cases.commands.form_keys import prepare_keys
from shared.cases.report_details import fetch_details
from shared.contracts.describe import describe
from shared.runtime.process import make_service

__all__ = ["make_app"]


def make_app(settings: Settings) -> FastAPI:
    """Return the process; nothing is connected before it is served."""
    engine = make_case_engine(
        settings,
        process=RULES.process,
        cases=MEDIATIONS,
        inbox=make_inbox(settings.contact_parties_within),
        timers=make_timers(),
    )
    fetch_details(engine, settings)
    engine.on_start += [partial(prepare_keys, engine.store), partial(ask_for_looks, engine.store)]
    app = make_service(engine, make_pages(engine.store, settings.signer), title="Samråd: mediation")
    web.install(
        app,
        settings,
        service=settings.service,
        templates=TEMPLATES,
        directory=engine.directory,
    )
    web.install_specification(app, partial(describe, settings.service))
    return app
