"""Attacks on shutdown: a process ends in time, whichever server does not answer."""

import asyncio
import time
from contextlib import AsyncExitStack
from signal import SIGTERM

import httpx
import pytest
from pymongo.uri_parser import parse_uri

from deploy.embedded.ports import draw
from shared.runtime.shutdown import GRACE_S
from tests.edge.engine_world import a_case, an_engine_world
from tests.faults.gate import Gate

SECONDS = 60.0
KILLED_AFTER_S = 15.0
"""The supervisor's patience."""


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo, partitions=2) as world:
        yield world


class Gates:
    """The test service in earnest, with a gate before its broker and one before its database."""

    def __init__(self, world, kafka, mongo, place):
        self.world, self.kafka, self.mongo = world, kafka, mongo
        uri = world.mongo_file.read_text().strip()
        ((_, port),) = parse_uri(uri)["nodelist"]
        self.mongo_file = place / "mongo.uri"
        gated = uri.replace(f":{port}", f":{mongo.port}")
        self.mongo_file.write_text(gated.replace("replicaSet=rs0", "directConnection=true"))

    def process(self, **more):
        gates = {"kafka_gate": self.kafka.port, "mongo_file": str(self.mongo_file)}
        return self.world.process(**{**gates, "serve": draw(()), **more})

    def hold_back(self, *names):
        for name in names:
            getattr(self, name).hold_back()


@pytest.fixture
async def gates(world, tmp_path):
    kafka_host, kafka_port = world.login["bootstrap.servers"].split(":")
    ((mongo_host, mongo_port),) = parse_uri(world.mongo_file.read_text().strip())["nodelist"]
    async with AsyncExitStack() as stack:
        kafka = await stack.enter_async_context(Gate(kafka_host, int(kafka_port)).stand())
        mongo = await stack.enter_async_context(Gate(mongo_host, mongo_port).stand())
        yield Gates(world, kafka, mongo, tmp_path)


async def end(process):
    """Ask a process to end; how long that takes."""
    began = time.monotonic()
    process.send_signal(SIGTERM)
    await asyncio.wait_for(process.communicate(), SECONDS)
    return time.monotonic() - began


@pytest.mark.parametrize("silent", [("kafka",), ("mongo",), ("kafka", "mongo")], ids=" and ".join)
async def test_a_process_shuts_down_in_time_whichever_server_does_not_answer(world, gates, silent):
    first, second = a_case(), a_case()
    async with gates.process(instance="ends") as process:
        world.send(first, 1)
        await world.counted(first, 1, seconds=SECONDS)
        gates.hold_back(*silent)
        world.send(second, 1)
        await asyncio.sleep(0.5)
        took = await end(process)

    assert took < KILLED_AFTER_S, f"{GRACE_S} s are its grace"
    async with world.process(instance="ends"):
        await world.counted(second, 1, seconds=SECONDS)


async def test_a_process_that_cannot_begin_ends_in_time(gates):
    gates.hold_back("kafka", "mongo")
    async with gates.process(instance="ends", wait=False) as process:
        await asyncio.sleep(3)
        took = await end(process)

    assert took < KILLED_AFTER_S


async def test_a_request_that_waits_for_a_silent_store_is_answered_before_shutdown(gates):
    port = draw(())
    async with gates.process(instance="ends", serve=port, heard=True) as process:
        gates.hold_back("mongo")
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=SECONDS
        ) as asking:
            waiting = asyncio.create_task(asking.get("/health/ready"))
            await asyncio.sleep(0.5)
            assert not waiting.done()
            process.send_signal(SIGTERM)
            answer = await waiting
        output = b"".join(await asyncio.wait_for(process.communicate(), SECONDS))

    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert answer.headers["Retry-After"] == "1"
    assert b"graceful shutdown exceeded" not in output
    assert b"Traceback" not in output


@pytest.mark.parametrize("deaf", ["task", "loop"])
async def test_a_process_that_does_not_let_itself_be_ended_is_ended_past_its_grace(gates, deaf):
    async with gates.process(instance="ends", deaf=deaf, grace_s=2) as process:
        await asyncio.sleep(2.5)
        took = await end(process)

    assert process.returncode == 1
    assert took < KILLED_AFTER_S
