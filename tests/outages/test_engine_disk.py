"""Attacks on what the brokers depend on: a full disk, and a broker that is away."""

import asyncio
import os
import resource
import signal
import time
from contextlib import suppress

import pytest

from tests.edge.engine_world import a_case, an_engine_world, until
from tests.outages.test_engine_outages import all_have, published_in_order, traffic

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

AWAY_S = 60.0
FULL_FOR_S = 6.0


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo, partitions=4) as world:
        yield world


@pytest.mark.parametrize("which", ["mongo", "kafka"])
async def test_a_disk_that_is_full_for_a_while_costs_nothing(world, kafka_and_mongo, which):
    """The kernel lets the server write nothing more, as on a full disk: it logs that and ends.

    It is started again and again as long as that lasts, and goes on once there is space.
    """
    cases = [a_case() for _ in range(8)]

    async with world.service():
        await traffic(world, cases, 1, 20)
        going = asyncio.create_task(traffic(world, cases, 21, 60))
        lives, until_s = set(), time.monotonic() + FULL_FOR_S
        while time.monotonic() < until_s:
            with suppress(OSError, KeyError, ValueError):  # between two lives
                pid = await asyncio.to_thread(kafka_and_mongo.pid, which)
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (4_096, hard))
                lives.add(pid)
            await asyncio.sleep(0.2)
        with suppress(OSError, KeyError, ValueError):
            pid = await asyncio.to_thread(kafka_and_mongo.pid, which)
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert lives, "it was there to be hurt"
        await going
        await all_have(world, cases, 60, seconds=90)

    await published_in_order(world, cases, 60)
    assert await world.parked() == []


@pytest.mark.timeout(300)
async def test_a_broker_that_is_away_for_a_minute_costs_nothing_and_ends_nobody(
    world, kafka_and_mongo
):
    cases = [a_case() for _ in range(8)]

    async with world.service() as service:
        await traffic(world, cases, 1, 20)
        back = time.monotonic() + AWAY_S
        while time.monotonic() < back:
            with suppress(OSError, KeyError, ValueError):
                os.kill(await asyncio.to_thread(kafka_and_mongo.pid, "kafka"), signal.SIGKILL)
            await asyncio.sleep(0.5)
        going = asyncio.create_task(traffic(world, cases, 21, 40))
        await going
        await until(lambda: service.engine.ready, "it is ready", seconds=60)
        await all_have(world, cases, 40, seconds=90)

    await published_in_order(world, cases, 40)
    assert await world.parked() == []
