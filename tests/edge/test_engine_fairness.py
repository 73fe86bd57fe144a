"""A batch leaves the event loop to others now and then: pages are answered while it is decided."""

import asyncio
import time

import pytest

from tests.edge.engine_world import Behaviour, a_case, an_engine_world

EVENTS = 400
EACH_S = 0.004


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


class Slow(Behaviour):
    def _count(self, fact, unit):
        until = time.thread_time() + EACH_S
        while time.thread_time() < until:
            pass
        super()._count(fact, unit)


async def longest_wait(over):
    """How long somebody else on the loop had to wait, at worst."""
    longest = 0.0
    while not over.is_set():
        asked = time.monotonic()
        await asyncio.sleep(0)
        longest = max(longest, time.monotonic() - asked)
        await asyncio.sleep(0.001)
    return longest


async def test_a_long_batch_keeps_nobody_waiting_until_it_is_done(world):
    case, over = a_case(), asyncio.Event()
    world.send(case, *range(1, EVENTS + 1))

    async with world.service(behaviour=Slow(world.facts_topic)):
        waiting = asyncio.create_task(longest_wait(over))
        await world.counted(case, *range(1, EVENTS + 1), seconds=60)
        over.set()
        longest = await waiting

    assert longest < EVENTS * EACH_S / 2
