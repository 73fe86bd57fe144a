"""The engine's latency on idle brokers: one thin fact through two services.

The first service stores the fact and emits another; the second stores that one. Each runs in a
process of its own, with its relay, as services do.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from random import Random
from time import sleep
from typing import Any, Final

import uvloop
from confluent_kafka import Producer

from bench.latency import ANSWER_S, PAUSES_S, Effects, row_of_times, send_and_wait
from bench.pipeline import decide, service
from bench.running import Findings, RunSize, Subject, Target
from bench.world import FOLLOWED_TOPIC, PARTITIONS, Followed, Happened, World, fact_of, record_of
from shared.engine import Unit
from shared.engine.outbox.relay import Relay
from shared.runtime.process import collect_rarely

__all__ = ["subject"]

_FIRST, _SECOND = "bench_first", "bench_second"
_IN_A_RUN: Final = 100
_WARMING: Final = 20
"""Facts that warm the services up, and are not counted."""


def take(fact: Followed, unit: Unit) -> None:
    """The second service's rule: a new case is stored and logged."""
    if unit.load("cases", fact.subject()) is None:
        unit.save("cases", {"_id": fact.subject(), "number": fact.number})
        unit.add("audit", {"at": unit.now, "what": fact.subject()})


_RULES: Final[dict[str, tuple[Any, Any]]] = {_FIRST: (decide, Happened), _SECOND: (take, Followed)}


def _serve(world: World, name: str, ready: Event, over: Event) -> None:
    collect_rarely()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(world, name, ready, over))


async def _run(world: World, name: str, ready: Event, over: Event) -> None:
    rule, fact = _RULES[name]
    async with service(world, rule, database=name, fact=fact) as subscription:
        store = next(iter(subscription.workers.values())).committer.store
        relaying = asyncio.create_task(Relay(store, world.connection, holder=name).run())
        subscription.start()
        ready.set()
        await asyncio.to_thread(over.wait)
        relaying.cancel()
        with suppress(asyncio.CancelledError):
            await relaying


@contextmanager
def _services(world: World) -> Iterator[None]:
    """Run both services, each in a process of its own, inside the context."""
    spawned = get_context("spawn")
    over = spawned.Event()
    processes = []
    for name, topic in ((_FIRST, world.topic), (_SECOND, FOLLOWED_TOPIC)):
        ready = spawned.Event()
        here = replace(world, topic=topic)
        processes.append(spawned.Process(target=_serve, args=(here, name, ready, over)))
        processes[-1].start()
        if not ready.wait(ANSWER_S):
            raise TimeoutError(f"{name} is not ready after {ANSWER_S} s")
    try:
        yield
    finally:
        over.set()
        for process in processes:
            process.join(ANSWER_S)


def _measure(world: World, size: RunSize) -> Findings:
    for topic in (world.topic, FOLLOWED_TOPIC):
        world.make_topic(topic, PARTITIONS)
    world.empty(_FIRST, _SECOND)
    producer = Producer({**world.kafka, "enable.idempotence": True, "linger.ms": 0})
    dice = Random(3)  # noqa: S311 - pauses
    took: list[dict[str, float]] = []
    with _services(world):
        effects = Effects(world, _SECOND, "cases")
        effects.start()
        for number in range(_WARMING + size.runs * _IN_A_RUN):
            fact = fact_of(number)
            acknowledged = send_and_wait(producer, record_of(world.topic, fact, 1))
            took.append({"effect": 1e3 * (effects.wait_for(fact.subject()) - acknowledged)})
            sleep(dice.uniform(*PAUSES_S))
        effects.close()
    rounds = [took[start : start + _IN_A_RUN] for start in range(_WARMING, len(took), _IN_A_RUN)]
    row = row_of_times("event acknowledged → effect in the next service", "effect", rounds)
    return Findings(
        [row],
        [
            Target.at_most(
                "idle, thin event → effect in the next service, p50 ms", 12, row["p50_ms"]
            ),
            Target.at_most(
                "idle, thin event → effect in the next service, p99 ms", 30, row["p99_ms"]
            ),
        ],
    )


subject = Subject("Latency of the engine alone: one thin event through two services", _measure)
