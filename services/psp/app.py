"""The composition of PSP."""

from functools import partial

from fastapi import FastAPI

from services.psp.disclosures import Disclosures, name_recipients
from services.psp.domain import RULES
from services.psp.handlers import make_inbox, make_timers
from services.psp.pages import TEMPLATES, make_pages
from services.psp.psp_cases import PSP_CASES
from services.psp.settings import Settings
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
        cases=PSP_CASES,
        inbox=make_inbox(settings.judge_necessity_within),
        timers=make_timers(),
    )
    details = fetch_details(engine, settings, name_recipients)
    disclosures = Disclosures(engine.store, details)
    engine.on_start += [
        partial(prepare_keys, engine.store),
        disclosures.name_recipients_of_earlier_cases,
    ]
    app = make_service(
        engine, make_pages(engine.store, disclosures, settings.signer), title="Samråd: PSP"
    )
    web.install(
        app,
        settings,
        service=settings.service,
        templates=TEMPLATES,
        directory=engine.directory,
    )
    web.install_specification(app, partial(describe, settings.service))
    return app
