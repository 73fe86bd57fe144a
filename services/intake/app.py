"""The intake process, wired once."""

from functools import partial

from fastapi import FastAPI

from services.intake import cases, reports
from services.intake.api import details_routes, partner_routes, public_routes
from services.intake.blind import BlindIndex
from services.intake.frame import FRAMED, make_frame
from services.intake.handlers import RedriveProcessor, ReportProcessor
from services.intake.indexes import make_indexes
from services.intake.name_views import prepare_views
from services.intake.opening import TOPIC_PATTERN
from services.intake.pages import TEMPLATES, make_pages
from services.intake.people_acts import PeopleActs
from services.intake.people_desk import PeopleDesk
from services.intake.preparing import LetterReader
from services.intake.report_page import make_report_page
from services.intake.seal_keys import SealKeyDirectory
from services.intake.settings import Settings
from services.intake.showing import Showing
from services.intake.triage import make_timers
from services.intake.vault import Vault
from shared import web
from shared.cases.commands.form_keys import prepare_keys
from shared.contracts.asyncapi import PARTNER
from shared.contracts.describe import describe
from shared.contracts.intake import cases_topic
from shared.contracts.processes import Process
from shared.engine import Subscription
from shared.rights.projection import STAFF_PROCESSORS, keep_projection, staff_subscription
from shared.runtime.process import make_service
from shared.runtime.wiring import make_engine, make_store
from shared.security.data_keys import Keys, MasterKey

__all__ = ["GROUP", "make_app"]

SIGNALS = "intake.signals"

GROUP = "intake.reports"
"""A consumer group of its own, because each new partner topic rebalances it."""


def make_app(settings: Settings) -> FastAPI:
    """Return the process; nothing is connected before it is served."""
    store = make_store(settings, cases=cases.COLLECTION)
    keys = Keys(store.client, settings.service, MasterKey.read(settings.master_key_file))
    seal_keys = SealKeyDirectory(settings.seal_keys_dir)
    seal_keys.make_first()
    index = BlindIndex(settings.index_key_file.read_bytes())
    reader = LetterReader(store.db, keys=keys, index=index, seal_keys=seal_keys)
    within = settings.triage_within
    processor = ReportProcessor(reader, index, triage_within=within)
    letters = Subscription(pattern=TOPIC_PATTERN, processor=processor, group=GROUP)
    staff = staff_subscription(settings.service)
    engine = make_engine(
        settings,
        cases=cases.COLLECTION,
        subscriptions=[letters, staff],
        processors={
            "partner.": RedriveProcessor(reader, index, triage_within=within),
            **STAFF_PROCESSORS,
        },
        store=store,
        timers=make_timers(),
        owned_topics=dict.fromkeys(map(cases_topic, Process), cases.COLLECTION)
        | {SIGNALS: reports.COLLECTION},
    )

    keep_projection(engine, staff)

    async def prepare() -> None:
        await make_indexes(store.db)
        await prepare_views(store.db)

    engine.on_start += [keys.prepare, prepare, partial(prepare_keys, store)]
    engine.rollback.forgetting.append(keys.forget)
    vault = Vault(store, keys)
    desk = PeopleDesk(store, PeopleActs(store, vault, keys, index), index, engine.directory)
    app = make_service(
        engine,
        public_routes(seal_keys),
        details_routes(vault, settings.service_tokens_dir),
        partner_routes(store, letters, settings),
        make_pages(store),
        make_report_page(store),
        make_frame(Showing(store, vault, settings.public_keys), desk),
        title="Samråd: intake",
    )
    web.install(
        app,
        settings,
        service=settings.service,
        templates=TEMPLATES,
        directory=engine.directory,
        framed=FRAMED,
    )
    web.install_specification(
        app, partial(describe, settings.service), partner=partial(describe, PARTNER)
    )
    return app
