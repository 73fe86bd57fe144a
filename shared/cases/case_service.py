"""The composition of a service with cases of its own."""

from functools import partial
from typing import TypeVar

from shared.cases.case_store import CaseStore
from shared.cases.next_step import AwaitsStep
from shared.cases.report_details import CaseSettings
from shared.contracts.intake import cases_topic
from shared.contracts.processes import Process
from shared.engine import Inbox, Subscription, Timers
from shared.rights.projection import STAFF_PROCESSORS, keep_projection, staff_subscription
from shared.runtime.wiring import Engine, make_engine

__all__ = ["make_case_engine"]

C = TypeVar("C", bound=AwaitsStep)


def make_case_engine(
    settings: CaseSettings,
    *,
    process: Process,
    cases: CaseStore[C],
    inbox: Inbox,
    timers: Timers,
) -> Engine:
    """Return the engine of a service that runs one process's cases.

    It keeps a projection of staff, which it asks for the rights of each who reads or acts.
    `report_details.fetch_details` adds the fetch of what their reports say. It reads intake's cases
    of that process, and emits facts of its own to `<service>.cases`.
    """
    opened = Subscription(cases_topic(process), processor=inbox, group=settings.service)
    staff = staff_subscription(settings.service)
    engine = make_engine(
        settings,
        cases=cases.collection,
        subscriptions=[opened, staff],
        inbox=inbox,
        processors=STAFF_PROCESSORS,
        timers=timers,
        owned_topics={f"{settings.service}.cases": cases.collection},
    )
    keep_projection(engine, staff)
    engine.on_start.append(partial(cases.prepare, engine.store.db))
    return engine
