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

from shared.engine import Connection, Deadlines, Door, Facts, Room, Store, Subscription
from shared.engine.consume.batch import Slices
from shared.engine.consume.circuit_breaker import MassParking
from shared.engine.consume.health_probe import Witness
from shared.engine.failures import crash_points
from shared.engine.failures.cancellation import told_to_end
from shared.engine.limits.memory_budget import Budget, Pool
from shared.engine.outbox.relay import Relay
from shared.engine.rollback.detector import LOOKING, Restored
from shared.engine.timers.scheduler import Ticker
from shared.errors import Unavailable
from shared.observability import collectors, metrics
from shared.observability.tracing import Tracing
from shared.runtime import restart_counter
from shared.runtime.memory_release import give_back_at_rest
from shared.runtime.operator_api import operator_routes
from shared.runtime.settings import ServiceSettings
from shared.runtime.shutdown import (
    ANSWERS_S,
    BROKER_S,
    CONNECTIONS_S,
    DATABASE_S,
    GRACE_S,
    LANES_S,
    LOOPS_S,
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
    room: Room
    restored: Restored
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
        return sum(lane.lag for each in self.subscriptions for lane in each.lanes.values())

    @property
    def standing(self) -> list[str]:
        """Why partitions stand still or wait, a sentence each."""
        lanes = [lane for each in self.subscriptions for lane in each.lanes.values()]
        halted = [lane.halted for lane in lanes if lane.halted]
        waiting = {lane.waiting for lane in lanes if lane.waiting}
        troubled = {each.trouble for each in self.subscriptions if each.trouble}
        put_back = [self.restored.trouble] if self.restored.trouble else []
        return halted + put_back + sorted(waiting | troubled)

    async def state(self) -> dict[str, Any]:
        """What `/health/ready` says."""
        told: dict[str, Any] = {
            "state": "ready" if self.ready else "starting",
            "lag": self.lag,
            "outbox": None,
            "parked": None,
            "halted": self.standing,
        }
        try:
            told["outbox"] = await self.store.count_outbox()
            told["parked"] = await self.room.count()
        except PyMongoError:
            told["state"] = "degraded"
        if self.standing and self.ready:
            told["state"] = "degraded"
        return told


def make_engine(
    settings: ServiceSettings,
    *,
    cases: str,
    subscriptions: Sequence[Subscription],
    facts: Facts | None = None,
    doors: dict[str, Door[Any]] | None = None,
    store: Store | None = None,
    deadlines: Deadlines | None = None,
    tells: Mapping[str, str] | None = None,
) -> Engine:
    """Wire a store to its subscriptions and deadlines; nothing is connected yet.

    Args:
        settings: of the service.
        cases: the collection of its cases.
        subscriptions: what it reads.
        facts: its door for facts, if its cases have a room.
        doors: doors for records of no case, by the beginning of the topic's name.
        store: its store, if it is made already.
        deadlines: what is to happen when.
        tells: the topics of facts that it alone writes, each with the collection whose documents
            count its numbers.

    """
    store = store or make_store(settings, cases=cases)
    engine = Engine(
        settings=settings,
        store=store,
        subscriptions=subscriptions,
        room=Room(store, facts, doors or {}),
        restored=Restored(store, tells=tells or {}, subscriptions=subscriptions),
    )
    if deadlines is not None:
        ticker = Ticker(store, deadlines, holder=_name_of(settings))
        engine.on_start.append(ticker.ensure_indexes)
        engine.background += [ticker.run, ticker.measure]
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
        operator_routes(engine.room, engine.subscriptions, engine.settings, engine.restored)
    )
    for router in routers:
        app.include_router(router)
    app.add_middleware(AnswersInTime, late=engine.late)
    return app


def collect_rarely() -> None:
    """Look for cycles seldom: a slice makes tens of thousands of objects, and hardly a cycle.

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
    witness = Witness(
        connection=connection,
        mongo_uri=engine.settings.mongo_uri,
        database=engine.settings.service,
    )
    pool = Pool(engine.store.budget.held)
    alarms = MassParking()
    for subscription in engine.subscriptions:
        subscription.declare(
            broker,
            slices=Slices(engine.store, subscription.door, alarms),
            turns=turns,
            pool=pool,
            fetched=engine.store.budget.fetched // len(engine.subscriptions),
            instance=engine.settings.instance,
            witness=witness,
            end=lambda reason: _end(engine.settings, reason),
        )
        subscription.shown = lambda: engine.restored.shown
    relay = Relay(
        engine.store,
        connection,
        holder=_name_of(engine.settings),
        tells=engine.restored.own.topics,
    )
    engine.store.closed = LOOKING
    starting = asyncio.create_task(_start(engine, broker), name="start")
    loops = [
        relay.run,
        lambda: _sweep(engine),
        lambda: _count(engine),
        give_back_at_rest,
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
        await at_most(LANES_S, "lanes", *(each.stop() for each in engine.subscriptions))
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
            await engine.restored.look(engine.settings.connection)
            await engine.room.ensure_indexes()
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
    while not told_to_end():
        await asyncio.sleep(_SWEEP_S)
        await engine.room.sweep()


async def _count(engine: Engine) -> None:
    """Let the store count, and go back to it where it was put back under our hands."""
    while not told_to_end():
        await asyncio.sleep(_COUNT_S)
        try:
            if engine.store.closed is not None or not await engine.restored.count():
                log.error("store_put_back_while_running")
                await engine.restored.look(engine.settings.connection)
                for subscription in engine.subscriptions:
                    for lane in subscription.lanes.values():
                        lane.retake()
            await engine.restored.sweep()
        except (PyMongoError, Unavailable) as error:
            log.info("count_waits", error=type(error).__name__)


def _end(settings: ServiceSettings, reason: str) -> None:
    """End a process that has work and does not move: its supervisor starts it anew."""
    log.error("watchdog_ends_process", reason=reason)
    restart_counter.endings(settings.lives).add()
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
            room=engine.room,
            subscriptions=engine.subscriptions,
            ready=engine.ready,
        )
        return Response(await collectors.exposed(watched), media_type=CONTENT_TYPE_LATEST)

    return router
