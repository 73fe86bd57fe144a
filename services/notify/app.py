"""The composition of notify: its subscriptions, the inbox, the login, and the stream that keeps inboxes live."""

from functools import partial

from fastapi import FastAPI

from services.notify.directory import (
    DIRECTORY,
    SESSIONS,
    StaffDirectory,
    prepare_directory,
)
from services.notify.handlers import CASES, make_inbox, make_timers
from services.notify.live import Live
from services.notify.notices import prepare
from services.notify.operator_routes import staff_routes
from services.notify.pages import TEMPLATES, make_pages
from services.notify.settings import NotifySettings
from services.notify.snapshots import Snapshots
from shared import web
from shared.contracts.describe import describe
from shared.contracts.wire import topics_of
from shared.engine import Subscription
from shared.runtime.process import make_service
from shared.runtime.wiring import make_engine

__all__ = ["make_app"]


def make_app(settings: NotifySettings) -> FastAPI:
    """Return the service, not yet started."""
    inbox = make_inbox(settings.acknowledge_within)
    topics = dict.fromkeys(topic for fact in inbox.types for topic in topics_of(fact))
    engine = make_engine(
        settings,
        cases=CASES,
        subscriptions=[Subscription(*topics, processor=inbox, group="notify")],
        inbox=inbox,
        timers=make_timers(),
        owned_topics={
            "notify.notices": CASES,
            "notify.staff": DIRECTORY,
            "notify.sessions": SESSIONS,
        },
    )
    database = engine.store.db
    directory, live = StaffDirectory(engine.store, settings.signer), Live(database)
    engine.directory = directory

    async def begin() -> None:
        await prepare(database)
        await prepare_directory(engine.store)
        if settings.demo and settings.demo_staff_file:
            await directory.take_in_synthetic(settings.demo_staff_file)

    engine.on_start.append(begin)
    engine.background += [live.watch, Snapshots(engine.store).run]
    engine.on_stop.append(live.stop)
    app = make_service(
        engine,
        make_pages(database, engine.store, live),
        staff_routes(directory, settings),
        title="Samråd notify",
    )
    web.install(app, settings, service="notify", templates=TEMPLATES, directory=directory)
    web.install_specification(app, partial(describe, "notify"))
    web.install_guidance(app)
    web.install_login(app, settings, directory)
    return app
