"""The mediation process, wired once."""

from functools import partial

from fastapi import FastAPI

from deploy.asyncapi import describe
from services.mediation import mediations
from services.mediation.handlers import make_inbox, make_timers
from services.mediation.pages import TEMPLATES, make_pages
from services.mediation.settings import Settings
from shared import web
from shared.cases.report_details import fetch_details
from shared.engine import Subscription
from shared.runtime.process import make_service
from shared.runtime.wiring import make_engine

__all__ = ["make_app"]


def make_app(settings: Settings) -> FastAPI:
    """Return the process; nothing is connected before it is served."""
    inbox = make_inbox(settings.contact_parties_within)
    cases = Subscription("intake.cases.mediation", processor=inbox, group="mediation")
    engine = make_engine(
        settings,
        cases=mediations.COLLECTION,
        subscriptions=[cases],
        inbox=inbox,
        timers=make_timers(),
        owned_topics={"mediation.cases": mediations.COLLECTION},
    )
    fetch_details(engine, settings)
    app = make_service(engine, make_pages(engine.store), title="Samråd: mediation")
    web.install(app, settings, service=settings.service, templates=TEMPLATES)
    web.install_specification(app, partial(describe, settings.service))
    return app
