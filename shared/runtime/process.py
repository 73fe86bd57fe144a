"""A service as a process: it serves its pages, and runs the engine from the first answer to the end."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from types import FrameType
from typing import Final

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI
from faststream.kafka import KafkaBroker
from prometheus_client import disable_created_metrics
from pymongo.errors import PyMongoError

from shared import crash_points
from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.circuit_breaker import CircuitBreaker
from shared.engine.consume.health_probe import HealthProbe
from shared.engine.failures.cancellation import is_cancelled
from shared.engine.limits.memory_budget import Pool
from shared.engine.outbox.relay import Relay
from shared.engine.rollback.detector import LOOKING
from shared.errors import Unavailable
from shared.observability import metrics
from shared.observability.tracing import Tracing
from shared.runtime import restart_counter
from shared.runtime.broker import make_broker
from shared.runtime.health import health_routes
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
from shared.runtime.wiring import Background, Engine, process_name

__all__ = ["collect_rarely", "make_service", "run"]

_COMMITTING_AT_ONCE: Final = 2
_SWEEP_S: Final = 1.0
_COUNT_S: Final = 1.0
_AGAIN_S: Final = 1.0

log = structlog.get_logger()


def make_service(engine: Engine, *routers: APIRouter, title: str) -> FastAPI:
    """Return the process's web application; its lifespan runs the engine."""
    app = FastAPI(title=title, lifespan=lambda _: _running(engine), docs_url=None, redoc_url=None)
    app.state.engine = engine
    app.include_router(health_routes(engine))
    app.include_router(
        operator_routes(engine.parking_lot, engine.subscriptions, engine.settings, engine.rollback)
    )
    for router in routers:
        app.include_router(router)
    app.add_middleware(AnswersInTime, late=engine.late)
    return app


def collect_rarely() -> None:
    """Let the garbage collector run seldom: a batch makes many objects, and hardly a cycle.

    With Python's own thresholds it took 40 % of the engine's time (`make bench`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def run(app: FastAPI, settings: ServiceSettings) -> None:
    """Serve until SIGTERM or Ctrl-C. Batches and requests in flight are finished first."""
    metrics.configure_logging(settings.service)
    disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series
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
    """Calls the service's `on_stop` before it waits for open connections (live pages)."""

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
        """Wait for open connections; requests that take too long are answered with 503."""
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
        holder=process_name(engine.settings),
        owned_topics=engine.rollback.topic_scan.topics,
    )
    engine.store.rollback.closed = LOOKING
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
    """Load the SDK only if traces are wanted: it takes memory and time."""
    if not settings.is_traced:
        return None
    spans = import_module("shared.observability.spans")
    tracing: Tracing = spans.make_tracing(
        settings.service,
        settings.instance or settings.service,
        folder=settings.trace_dir,
        to_collector=settings.otlp_endpoint is not None,
    )
    return tracing


async def _start(engine: Engine, broker: KafkaBroker) -> None:
    """Begin as soon as the database and the broker answer. Until then the state is "starting"."""
    pause = 0.1
    while True:
        try:
            await engine.rollback.look(engine.settings.connection)
            await engine.parking_lot.ensure_indexes()
            for step in engine.on_start:
                await step()
            await broker.start()
            break
        except Exception as error:  # noqa: BLE001 - log what does not answer, and try again
            log.warning("start_waits", error=type(error).__name__)
            with suppress(Exception):
                await asyncio.gather(*(each.stop() for each in engine.subscriptions))
                await broker.stop()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 3.0)
    for subscription in engine.subscriptions:
        subscription.start()
    for step in engine.on_reading:
        await step()
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
    """Increase the store's heartbeat, and compare the store again if it was restored meanwhile."""
    while not is_cancelled():
        await asyncio.sleep(_COUNT_S)
        try:
            if engine.store.rollback.closed is not None or not await engine.rollback.count():
                log.error("store_put_back_while_running")
                await engine.rollback.look(engine.settings.connection)
                for subscription in engine.subscriptions:
                    for worker in subscription.workers.values():
                        worker.reassign()
            await engine.rollback.sweep()
        except (PyMongoError, Unavailable) as error:
            log.info("count_waits", error=type(error).__name__)


def _end(settings: ServiceSettings, reason: str) -> None:
    """End a process that has work and makes no progress. Its supervisor starts it again."""
    log.error("watchdog_ends_process", reason=reason)
    restart_counter.endings(settings.restart_counts).add()
    os.kill(os.getpid(), signal.SIGKILL)
    os._exit(137)  # the first process of a container ignores its own SIGKILL
