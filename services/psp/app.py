"""The composition of PSP."""

from functools import partial

from fastapi import FastAPI

from services.psp.domain import RULES
from services.psp.handlers import make_inbox, make_timers
from services.psp.pages import TEMPLATES, make_pages
from services.psp.psp_cases import PSP_CASES
from services.psp.settings import Settings
from shared import web
from shared.cases.case_service import make_case_engine
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
    app = make_service(engine, make_pages(engine.store), title="Samråd: PSP")
    web.install(app, settings, service=settings.service, templates=TEMPLATES)
    web.install_specification(app, partial(describe, settings.service))
    return app
