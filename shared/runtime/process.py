"""A service as a process: broker, store, relay, health and operator's door, wired the same way."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from types import FrameType
from typing import Any, Final

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI, Response
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512
from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from shared.engine import Connection, Inbox, ParkingLot, Processor, Store, Subscription, Timers
from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.circuit_breaker import CircuitBreaker
from shared.engine.consume.health_probe import HealthProbe
from shared.engine.failures import crash_points
from shared.engine.failures.cancellation import is_cancelled
from shared.engine.limits.memory_budget import Budget, Pool
from shared.engine.outbox.relay import Relay
from shared.engine.rollback.detector import LOOKING, RollbackDetector
from shared.engine.timers.scheduler import Scheduler
from shared.errors import Unavailable
from shared.observability import collectors, metrics
from shared.observability.tracing import Tracing
from shared.runtime import restart_counter
from shared.runtime.memory_release import release_memory_when_idle
from shared.runtime.operator_api import operator_routes
from shared.runtime.settings import ServiceSettings
from shared.runtime.shutdown import (
    ANSWERS_S,
    BROKER_S,
    CONNECTIONS_S,
    DATABASE_S,
    GRACE_S,
    LOOPS_S,
    WORKERS_S,
    AnswersInTime,
    at_most,
    end_after,
)

__all__ = ["Engine", "collect_rarely", "make_service", "run"]

_COMMITTING_AT_ONCE: Final = 2
_SWEEP_S: Final = 1.0
_COUNT_S: Final = 1.0
_AGAIN_S: Final = 1.0
_MONGO_TIMEOUT_MS: Final = 10_000

log = structlog.get_logger()

Background = Callable[[], Awaitable[None]]


@dataclass(kw_only=True)
class Engine:
    """What runs behind a service's pages."""

    settings: ServiceSettings
    store: Store
    subscriptions: Sequence[Subscription]
    parking_lot: ParkingLot
    rollback: RollbackDetector
    background: list[Background] = field(default_factory=list)
    """Loops that run as long as the service does; each handles its own failures."""
    on_start: list[Background] = field(default_factory=list)
    """Steps before anything is read: indexes, first keys, reference data."""
    on_stop: list[Callable[[], None]] = field(default_factory=list)
    late: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when whoever still waits for an answer gets none that is better."""
    ready: bool = False

    @property
    def lag(self) -> int:
        """Events in the partitions of this process that have not had their effect."""
        return sum(worker.lag for each in self.subscriptions for worker in each.workers.values())

    @property
    def halt_reasons(self) -> list[str]:
        """Why partitions stand still or wait, a sentence each."""
        workers = [worker for each in self.subscriptions for worker in each.workers.values()]
        halted = [worker.halted for worker in workers if worker.halted]
        waiting = {worker.waiting for worker in workers if worker.waiting}
        troubled = {each.trouble for each in self.subscriptions if each.trouble}
        put_back = [self.rollback.trouble] if self.rollback.trouble else []
        return halted + put_back + sorted(waiting | troubled)

    async def state(self) -> dict[str, Any]:
        """What `/health/ready` says."""
        told: dict[str, Any] = {
            "state": "ready" if self.ready else "starting",
            "lag": self.lag,
            "outbox": None,
            "parked": None,
            "halted": self.halt_reasons,
        }
        try:
            told["outbox"] = await self.store.count_outbox()
            told["parked"] = await self.parking_lot.count()
        except PyMongoError:
            told["state"] = "degraded"
        if self.halt_reasons and self.ready:
            told["state"] = "degraded"
        return told


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
    """Wire a store to its subscriptions and deadlines; nothing is connected yet.

    Args:
        settings: of the service.
        cases: the collection of its cases.
        subscriptions: what it reads.
        inbox: its door for facts, if its cases have a room.
        processors: doors for records of no case, by the beginning of the topic's name.
        store: its store, if it is made already.
        timers: what is to happen when.
        owned_topics: the topics of facts that it alone writes, each with the collection whose documents
            count its numbers.

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
        scheduler = Scheduler(store, timers, holder=_name_of(settings))
        engine.on_start.append(scheduler.ensure_indexes)
        engine.background += [scheduler.run, scheduler.measure]
    return engine


def _name_of(settings: ServiceSettings) -> str:
    """Name the process; in a container it is number 1, and only the host name tells it from others."""
    return settings.instance or f"{socket.gethostname()}-{os.getpid()}"


def make_store(settings: ServiceSettings, *, cases: str) -> Store:
    """Open the service's own database."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        settings.mongo_uri, tz_aware=True, timeoutMS=_MONGO_TIMEOUT_MS, appname=settings.service
    )
    return Store(client, settings.service, cases=cases, budget=Budget(settings.memory_mib))


def make_service(engine: Engine, *routers: APIRouter, title: str) -> FastAPI:
    """Return the process's web side; its lifespan runs the engine."""
    app = FastAPI(title=title, lifespan=lambda _: _running(engine), docs_url=None, redoc_url=None)
    app.state.engine = engine
    app.include_router(_health(engine))
    app.include_router(
        operator_routes(engine.parking_lot, engine.subscriptions, engine.settings, engine.rollback)
    )
    for router in routers:
        app.include_router(router)
    app.add_middleware(AnswersInTime, late=engine.late)
    return app


def collect_rarely() -> None:
    """Look for cycles seldom: a batch makes tens of thousands of objects, and hardly a cycle.

    With Python's own thresholds the collector took 40 % of the engine's time (`make bench`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def run(app: FastAPI, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or Ctrl-C; what is in flight is finished first."""
    metrics.configure_logging(settings.service)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # as many series again, unasked for
    crash_points.arm(settings.instance or settings.service)
    collect_rarely()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=CONNECTIONS_S,
    )
    engine: Engine = app.state.engine
    _Server(config, engine.on_stop, engine.late).run()


class _Server(uvicorn.Server):
    """Tells the service that it is to end before it waits for open connections (live pages)."""

    def __init__(
        self, config: uvicorn.Config, on_stop: Sequence[Callable[[], None]], late: asyncio.Event
    ) -> None:
        super().__init__(config)
        self._on_stop = on_stop
        self._late = late

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal to end."""
        if not self.should_exit:
            end_after(GRACE_S)
        for stop in self._on_stop:
            stop()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for open connections, telling late ones that nothing better will come."""
        hurrying = asyncio.get_running_loop().call_later(ANSWERS_S, self._late.set)
        await super().shutdown(sockets)
        hurrying.cancel()


@asynccontextmanager
async def _running(engine: Engine) -> AsyncIterator[None]:
    connection = engine.settings.connection
    tracing = _tracing(engine.settings)
    engine.store.tracing = tracing
    broker = make_broker(connection, instance=engine.settings.instance)
    turns = asyncio.Semaphore(_COMMITTING_AT_ONCE)
    health_probe = HealthProbe(
        connection=connection,
        mongo_uri=engine.settings.mongo_uri,
        database=engine.settings.service,
    )
    pool = Pool(engine.store.budget.records)
    breaker = CircuitBreaker()
    for subscription in engine.subscriptions:
        subscription.declare(
            broker,
            committer=BatchCommitter(engine.store, subscription.processor, breaker),
            turns=turns,
            pool=pool,
            fetched=engine.store.budget.fetched // len(engine.subscriptions),
            instance=engine.settings.instance,
            health_probe=health_probe,
            end=lambda reason: _end(engine.settings, reason),
        )
        subscription.shown = lambda: engine.rollback.shown
    relay = Relay(
        engine.store,
        connection,
        holder=_name_of(engine.settings),
        owned_topics=engine.rollback.topic_scan.topics,
    )
    engine.store.closed = LOOKING
    starting = asyncio.create_task(_start(engine, broker), name="start")
    loops = [
        relay.run,
        lambda: _sweep(engine),
        lambda: _count(engine),
        release_memory_when_idle,
        *engine.background,
    ]
    tasks = [asyncio.create_task(_after(starting, loop)) for loop in loops]
    try:
        yield
    finally:
        engine.ready = False
        for stop in engine.on_stop:
            stop()
        starting.cancel()
        await at_most(WORKERS_S, "lanes", *(each.stop() for each in engine.subscriptions))
        for task in tasks:
            task.cancel()
        await at_most(LOOPS_S, "loops", starting, *tasks)
        closing = [] if tracing is None else [asyncio.to_thread(tracing.close)]
        await at_most(BROKER_S, "broker", broker.stop(), *closing)
        await at_most(DATABASE_S, "database", engine.store.client.close())


def _tracing(settings: ServiceSettings) -> Tracing | None:
    """The SDK takes memory and time to load, so it is loaded where it is wanted."""
    if not settings.is_traced:
        return None
    tracing: Tracing = import_module("shared.observability.spans").make_tracing(settings)
    return tracing


async def _start(engine: Engine, broker: KafkaBroker) -> None:
    """Begin as soon as the database and the broker answer; until then the pages say "starting"."""
    pause = 0.1
    while True:
        try:
            await engine.rollback.look(engine.settings.connection)
            await engine.parking_lot.ensure_indexes()
            for step in engine.on_start:
                await step()
            await broker.start()
            break
        except Exception as error:  # noqa: BLE001 - whatever is away: say so, and try again
            log.warning("start_waits", error=type(error).__name__)
            with suppress(Exception):
                await asyncio.gather(*(each.stop() for each in engine.subscriptions))
                await broker.stop()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 3.0)
    for subscription in engine.subscriptions:
        subscription.start()
    engine.ready = True
    log.info("ready")


async def _after(starting: "asyncio.Task[None]", loop: Background) -> None:
    await asyncio.shield(starting)
    while True:
        try:
            await loop()
            break
        except Exception as error:
            log.exception("background_failed", error=type(error).__name__)
            await asyncio.sleep(_AGAIN_S)


async def _sweep(engine: Engine) -> None:
    while not is_cancelled():
        await asyncio.sleep(_SWEEP_S)
        await engine.parking_lot.sweep()


async def _count(engine: Engine) -> None:
    """Let the store count, and go back to it where it was put back under our hands."""
    while not is_cancelled():
        await asyncio.sleep(_COUNT_S)
        try:
            if engine.store.closed is not None or not await engine.rollback.count():
                log.error("store_put_back_while_running")
                await engine.rollback.look(engine.settings.connection)
                for subscription in engine.subscriptions:
                    for worker in subscription.workers.values():
                        worker.reassign()
            await engine.rollback.sweep()
        except (PyMongoError, Unavailable) as error:
            log.info("count_waits", error=type(error).__name__)


def _end(settings: ServiceSettings, reason: str) -> None:
    """End a process that has work and does not move: its supervisor starts it anew."""
    log.error("watchdog_ends_process", reason=reason)
    restart_counter.endings(settings.restart_counts).add()
    os.kill(os.getpid(), signal.SIGKILL)
    os._exit(137)  # the first process of a container is deaf to its own SIGKILL


def make_broker(connection: Connection, *, instance: str | None) -> KafkaBroker:
    """The door to Kafka. It only consumes: what we publish goes through the outbox and the relay."""
    return KafkaBroker(
        connection.properties["bootstrap.servers"].split(","),
        security=_security(connection),
        consumer_only=True,
        client_id=instance or "samraad",
        metadata_max_age_ms=1_500,
        logger=None,
    )


def _security(connection: Connection) -> BaseSecurity | None:
    known = connection.properties
    if not known.get("security.protocol", "PLAINTEXT").startswith("SASL"):
        return None
    kinds = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    return kinds[known["sasl.mechanism"]](
        username=known["sasl.username"],
        password=known["sasl.password"],
        use_ssl=known["security.protocol"] == "SASL_SSL",
    )


def _health(engine: Engine) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"state": "live"}

    @router.get("/health/ready")
    async def ready(response: Response) -> dict[str, Any]:
        told = await engine.state()
        response.status_code = 200 if engine.ready and told["outbox"] is not None else 503
        return told

    @router.get("/metrics")
    async def metrics() -> Response:
        watched = collectors.Watched(
            settings=engine.settings,
            store=engine.store,
            parking_lot=engine.parking_lot,
            subscriptions=engine.subscriptions,
            ready=engine.ready,
        )
        return Response(await collectors.exposed(watched), media_type=CONTENT_TYPE_LATEST)

    return router
