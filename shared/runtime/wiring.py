"""The parts of a service process, wired the same way in every service. Nothing connects here."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from shared.engine import Inbox, ParkingLot, Processor, Store, Subscription, Timers
from shared.engine.limits.memory_budget import Budget
from shared.engine.rollback.detector import RollbackDetector
from shared.engine.rollback.heartbeat import HeartbeatGuard
from shared.engine.timers.scheduler import Scheduler
from shared.runtime.settings import ServiceSettings
from shared.staff.directory import Directory, Nobody

__all__ = ["Background", "Engine", "make_engine", "make_store", "process_name"]

_MONGO_TIMEOUT_MS = 10_000

Background = Callable[[], Awaitable[None]]


@dataclass(kw_only=True)
class Engine:
    """What runs behind a service's pages."""

    settings: ServiceSettings
    store: Store
    subscriptions: Sequence[Subscription]
    parking_lot: ParkingLot
    rollback: RollbackDetector
    directory: Directory = field(default_factory=Nobody)
    """Who staff are now; nobody, until the service has a directory or a projection."""
    background: list[Background] = field(default_factory=list)
    """Loops that run as long as the service does. Each handles its own failures."""
    on_start: list[Background] = field(default_factory=list)
    """Steps before anything is read: indexes, first keys, reference data."""
    on_reading: list[Background] = field(default_factory=list)
    """Steps after reading has begun, before the process is ready; they end in time."""
    on_stop: list[Callable[[], None]] = field(default_factory=list)
    late: asyncio.Event = field(default_factory=asyncio.Event)
    """Set at the end: requests that still wait are answered with 503."""
    ready: bool = False

    @property
    def lag(self) -> int:
        """Events in the partitions of this process that have not had their effect."""
        return sum(worker.lag for each in self.subscriptions for worker in each.workers.values())

    @property
    def halt_reasons(self) -> list[str]:
        """Why partitions are halted or wait, a sentence each."""
        workers = [worker for each in self.subscriptions for worker in each.workers.values()]
        halted = [worker.halted.reason for worker in workers if worker.halted]
        waiting = {worker.retries.waiting for worker in workers if worker.retries.waiting}
        troubled = {each.trouble for each in self.subscriptions if each.trouble}
        put_back = [self.rollback.trouble] if self.rollback.trouble else []
        return halted + put_back + sorted(waiting | troubled)

    async def state(self) -> dict[str, Any]:
        """Return the answer of `/health/ready`."""
        state: dict[str, Any] = {
            "state": "ready" if self.ready else "starting",
            "lag": self.lag,
            "outbox": None,
            "parked": None,
            "halted": self.halt_reasons,
        }
        try:
            state["outbox"] = await self.store.count_outbox()
            state["parked"] = await self.parking_lot.count()
        except PyMongoError:
            state["state"] = "degraded"
        if self.halt_reasons and self.ready:
            state["state"] = "degraded"
        return state


def make_engine(
    settings: ServiceSettings,
    *,
    cases: str,
    subscriptions: Sequence[Subscription],
    inbox: Inbox | None = None,
    processors: dict[str, Processor[Any]] | None = None,
    store: Store | None = None,
    timers: Timers | None = None,
    owned_topics: Mapping[str, str] | None = None,
) -> Engine:
    """Wire a store to its subscriptions and deadlines.

    Args:
        settings: of the service.
        cases: the collection of its cases.
        subscriptions: what it reads.
        inbox: its processor of facts, if its cases take facts.
        processors: processors of records that belong to no case, by the prefix of the topic's name.
        store: its store, if it is made already.
        timers: its deadlines.
        owned_topics: the topics of facts that it alone writes, each with the collection whose
            documents count its sequence numbers.

    """
    store = store or make_store(settings, cases=cases)
    engine = Engine(
        settings=settings,
        store=store,
        subscriptions=subscriptions,
        parking_lot=ParkingLot(store, inbox, processors or {}),
        rollback=RollbackDetector(
            store, owned_topics=owned_topics or {}, subscriptions=subscriptions
        ),
    )
    if timers is not None:
        scheduler = Scheduler(store, timers, holder=process_name(settings))
        engine.on_start.append(scheduler.ensure_indexes)
        engine.background += [scheduler.run, scheduler.measure]
    return engine


def process_name(settings: ServiceSettings) -> str:
    """Return a unique name of the process. In a container its pid is 1, so the host name counts."""
    return settings.instance or f"{socket.gethostname()}-{os.getpid()}"


def make_store(settings: ServiceSettings, *, cases: str) -> Store:
    """Return the service's own database, guarded against rollbacks."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        settings.mongo_uri, tz_aware=True, timeoutMS=_MONGO_TIMEOUT_MS, appname=settings.service
    )
    return Store(
        client,
        settings.service,
        cases=cases,
        budget=Budget(settings.memory_mib),
        rollback=HeartbeatGuard(client[settings.service]),
    )
