"""The PSP process, wired once."""

from functools import partial

from fastapi import FastAPI

from deploy.asyncapi import describe
from services.psp import psp_cases
from services.psp.handlers import make_inbox, make_timers
from services.psp.pages import TEMPLATES, make_pages
from services.psp.settings import Settings
from shared import web
from shared.cases.report_details import fetch_details
from shared.engine import Subscription
from shared.runtime.process import make_service
from shared.runtime.wiring import make_engine

__all__ = ["make_app"]


def make_app(settings: Settings) -> FastAPI:
    """Return the process; nothing is connected before it is served."""
    inbox = make_inbox(settings.judge_necessity_within)
    cases = Subscription("intake.cases.psp", processor=inbox, group="psp")
    engine = make_engine(
        settings,
        cases=psp_cases.COLLECTION,
        subscriptions=[cases],
        inbox=inbox,
        timers=make_timers(),
        owned_topics={"psp.cases": psp_cases.COLLECTION},
    )
    fetch_details(engine, settings)
    app = make_service(engine, make_pages(engine.store), title="Samråd: PSP")
    web.install(app, settings, service=settings.service, templates=TEMPLATES)
    web.install_specification(app, partial(describe, settings.service))
    return app
