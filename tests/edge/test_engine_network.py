"""Attacks on what lies between: slow, silent and broken connections, skewed clocks, mixed versions."""

import asyncio
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import client
from aiokafka.conn import create_conn
from confluent_kafka import KafkaException, Producer

from shared.contracts import source_of
from shared.contracts.envelope import Envelope, write_envelope
from tests.edge.engine_world import Counted, a_case, an_engine_world
from tests.edge.test_engine_relay import firsts
from tests.faults.gate import Gate

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CASES, FACTS = 4, 40
LONGER_THAN_A_SESSION_S = 11.5
RECOVERED_S = 60.0
SUPERVISORS_PATIENCE_S = 15.0


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo, partitions=2) as world:
        yield world


@asynccontextmanager
async def between(world, monkeypatch, tmp_path):
    """Put gates between the service and its broker and database; everybody else goes straight."""
    async with AsyncExitStack() as stack:
        host, port = world.login["bootstrap.servers"].split(":")
        kafka = await stack.enter_async_context(Gate(host, int(port)).stand())
        uri = world.mongo_file.read_text().strip()
        credentials, _, rest = uri.removeprefix("mongodb://").partition("@")
        place = rest.partition("/")[0]
        mongo = await stack.enter_async_context(Gate("127.0.0.1", int(place.split(":")[1])).stand())

        async def through_the_gate(_host, _port, **more):
            return await create_conn("127.0.0.1", kafka.port, **more)

        monkeypatch.setattr(client, "create_conn", through_the_gate)
        world.mongo_file = tmp_path / "through-the-gate.uri"
        world.mongo_file.write_text(
            f"mongodb://{credentials}@127.0.0.1:{mongo.port}/?directConnection=true&authSource=admin"
        )
        yield kafka, mongo


async def send_all(world, cases, first, last, pause_s=0.0):
    for number in range(first, last + 1):
        for case in cases:
            world.post(case, number)
        await asyncio.to_thread(world.flush)
        await asyncio.sleep(pause_s)


async def whole(world, cases, last):
    for case in cases:
        await world.counted(case, *range(1, last + 1), seconds=RECOVERED_S)
    await world.settled()
    order, differing = firsts(await world.published())
    assert order == {str(case): list(range(1, last + 1)) for case in cases}
    assert differing == []
    assert await world.parked() == []


async def test_a_slow_network_delays_everything_and_changes_nothing(world, monkeypatch, tmp_path):
    cases = [a_case() for _ in range(CASES)]

    async with between(world, monkeypatch, tmp_path) as (kafka, mongo), world.service():
        kafka.delay_s = mongo.delay_s = 0.2
        await send_all(world, cases, 1, FACTS // 4)
        await whole(world, cases, FACTS // 4)
        kafka.delay_s = mongo.delay_s = 0.0


@pytest.mark.parametrize("which", ["kafka", "mongo"])
async def test_a_half_open_connection_costs_nothing(world, monkeypatch, tmp_path, which):
    """Half open: both ends keep silent connections, for longer than a session lasts."""
    cases = [a_case() for _ in range(CASES)]

    async with between(world, monkeypatch, tmp_path) as gates, world.service():
        gate = gates[["kafka", "mongo"].index(which)]
        await send_all(world, cases, 1, FACTS)
        gate.hold_back()
        await send_all(world, cases, FACTS + 1, 2 * FACTS)
        await asyncio.sleep(LONGER_THAN_A_SESSION_S)
        gate.let_through()
        await whole(world, cases, 2 * FACTS)


async def test_connections_that_are_reset_again_and_again_cost_nothing(
    world, monkeypatch, tmp_path
):
    cases = [a_case() for _ in range(CASES)]

    async with between(world, monkeypatch, tmp_path) as (kafka, mongo), world.service():
        going = asyncio.create_task(send_all(world, cases, 1, FACTS, pause_s=0.05))
        while not going.done():
            await asyncio.sleep(0.3)
            kafka.reset()
            await asyncio.sleep(0.1)
            mongo.reset()
        await going
        await whole(world, cases, FACTS)


async def test_a_clock_that_jumps_an_hour_ahead_and_back_changes_no_effect(world):
    """The process's own clock: leases and deadlines go by mongod's, records by the broker's."""
    cases, jumps = [a_case() for _ in range(CASES)], [0, 1, -1, 0, -1, 1]

    async with world.service() as service:
        for turn, hours in enumerate(jumps):
            skew = timedelta(hours=hours)
            service.store.clock = lambda skew=skew: datetime.now(UTC) + skew
            await send_all(world, cases, 5 * turn + 1, 5 * turn + 5)
            for case in cases:
                await world.counted(case, *range(1, 5 * turn + 6), seconds=RECOVERED_S)
        await whole(world, cases, 5 * len(jumps))


@pytest.mark.parametrize("years", [-6, +1])
async def test_a_record_that_is_stamped_years_away_is_taken_like_any_other(world, years):
    case = a_case()
    stamp = int((datetime.now(UTC) + timedelta(days=365 * years)).timestamp() * 1000)
    fact = Counted(case_id=case, number=1, on=world.topic)

    async with world.service():
        world.put(world.topic, str(case), fact.write(), headers(world, case, 1), timestamp=stamp)
        world.flush()
        world.send(case, 2)
        await whole(world, [case], 2)


def headers(world, case, number, type_=Counted.type):
    return write_envelope(
        Envelope(
            id=f"{case}-{number}",
            source=source_of(world.topic),
            type=type_,
            subject=str(case),
            sequence=number,
        )
    )


async def test_writers_of_the_version_before_and_the_version_after_are_read_side_by_side(world):
    """N-1 leaves out what is new and may be; N+1 adds a field, and sends types that nobody knows yet."""
    case = a_case()
    common = {"case_id": str(case), "on": world.topic}
    bodies = [
        (Counted.type, {"number": 1, **common}),  # before `does` there was none
        (Counted.type, {"number": 2, "does": "count", **common}),
        (Counted.type, {"number": 3, "does": "count", "weather": {"rain": True}, **common}),
        ("test.counted.v2", {"counted": {"is": 4}, **common}),
        ("test.weathered.v1", {"rain": True, **common}),
        (Counted.type, {"number": 6, **common}),
    ]

    async with world.service():
        for sequence, (type_, body) in enumerate(bodies, start=1):
            sent = headers(world, case, sequence, type_)
            world.put(world.topic, str(case), json.dumps(body).encode(), sent)
        world.flush()
        await world.counted(case, 1, 2, 3, 6)
        await world.settled()

    assert [each.number for each in await world.published()] == [1, 2, 3, 6]
    assert await world.parked() == []


@pytest.mark.parametrize("megabytes", [1, 4, 15.9, 17])
async def test_a_record_that_is_too_large_is_refused_by_the_broker_and_blocks_nobody(
    world, megabytes
):
    case = a_case()
    careless = {"message.max.bytes": 60_000_000, "message.timeout.ms": 20_000}
    producer, refused = Producer({**world.login, **careless}), []

    async with world.service():
        producer.produce(
            world.topic,
            b"x" * int(megabytes * 1024 * 1024),
            key=str(case),
            on_delivery=lambda error, _: refused.append(error),
        )
        world.send(case, 1)
        await world.counted(case, 1)
        await asyncio.to_thread(producer.flush, 30)
        world.send(case, 2)
        await world.counted(case, 1, 2)

    (error,) = refused
    with pytest.raises(KafkaException):
        raise KafkaException(error)
    assert error.name() == "MSG_SIZE_TOO_LARGE"
    assert await world.parked() == []


async def test_a_service_shuts_down_on_request_though_its_broker_is_silent(
    world, monkeypatch, tmp_path
):
    async with between(world, monkeypatch, tmp_path) as (kafka, _):
        async with world.service() as service:
            await send_all(world, [a_case()], 1, 3)
            kafka.hold_back()
            for worker in service.workers.values():
                worker.reassign()  # it asks where its log begins and ends, and hears nothing
            await asyncio.sleep(1)
            began = time.monotonic()
        took = time.monotonic() - began

    assert took < SUPERVISORS_PATIENCE_S
