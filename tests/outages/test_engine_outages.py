"""Attacks on what the engine depends on: broker and database killed or stopped, members that come and go."""

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack

import pytest

from tests.edge.engine_world import a_case, an_engine_world, until
from tests.edge.test_engine_relay import firsts

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

RECOVERED_S = 45.0


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo, partitions=4) as world:
        yield world


async def traffic(world, cases, first, last):
    """Send each case its facts, a number at a time."""
    for number in range(first, last + 1):
        for case in cases:
            world.post(case, number)
        await asyncio.to_thread(world.flush)


async def all_have(world, cases, last, seconds=RECOVERED_S):
    wanted = list(range(1, last + 1))

    async def look():
        return [await world.numbers(case) for case in cases] == [wanted] * len(cases)

    await until(look, f"every case has {last}", seconds=seconds, was=world.db)
    assert [await world.effects(case) for case in cases] == [wanted] * len(cases)
    await world.settled()


async def published_in_order(world, cases, last):
    order, differing = firsts(await world.published())
    assert order == {str(case): list(range(1, last + 1)) for case in cases}
    assert differing == []


async def test_a_killed_database_costs_nothing(world, kafka_and_mongo):
    cases = [a_case() for _ in range(8)]

    async with world.service():
        await traffic(world, cases, 1, 20)
        going = asyncio.create_task(traffic(world, cases, 21, 60))
        os.kill(await asyncio.to_thread(kafka_and_mongo.pid, "mongo"), signal.SIGKILL)
        await going
        await all_have(world, cases, 60)

    await published_in_order(world, cases, 60)
    assert await world.parked() == []


async def test_a_killed_broker_costs_nothing(world, kafka_and_mongo):
    cases = [a_case() for _ in range(8)]

    async with world.service():
        await traffic(world, cases, 1, 20)
        os.kill(await asyncio.to_thread(kafka_and_mongo.pid, "kafka"), signal.SIGKILL)
        await traffic(world, cases, 21, 60)
        await all_have(world, cases, 60)

    await published_in_order(world, cases, 60)
    assert await world.parked() == []


async def test_a_database_that_is_suspended_again_and_again_costs_nothing(world, kafka_and_mongo):
    cases = [a_case() for _ in range(8)]
    pid = await asyncio.to_thread(kafka_and_mongo.pid, "mongo")

    async with world.service():
        going = asyncio.create_task(traffic(world, cases, 1, 60))
        for _ in range(6):
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(0.45)
            os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(0.05)
        await going
        await all_have(world, cases, 60)

    await published_in_order(world, cases, 60)


async def test_members_that_come_and_go_give_each_fact_one_effect(world):
    cases = [a_case() for _ in range(12)]

    async with world.service(instance="stays"):
        going = asyncio.create_task(traffic(world, cases, 1, 80))
        for visit in range(2):
            async with AsyncExitStack() as visitors:
                for name in ("first", "second"):
                    guest = world.service(instance=f"{name}-{visit}")
                    await visitors.enter_async_context(guest)
                await asyncio.sleep(0.4)
        await going
        await all_have(world, cases, 80)

    await published_in_order(world, cases, 80)


async def test_a_killed_process_is_followed_by_its_heir_within_seconds(world):
    cases = [a_case() for _ in range(8)]
    async with world.process(instance="heir") as process:
        await traffic(world, cases, 1, 20)
        process.kill()
        await process.wait()
    await traffic(world, cases, 21, 30)

    started = time.monotonic()
    async with world.service(instance="heir"):
        await all_have(world, cases, 30)
        took = time.monotonic() - started

    assert took < 5.0
    await published_in_order(world, cases, 30)
