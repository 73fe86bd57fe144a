"""Attacks that the rules of docs/protocol.md answer one by one: each makes certain what is rare."""

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from pymongo import AsyncMongoClient

import shared.engine.consume.subscription
import shared.engine.consume.watchdog
from shared.engine import ParkingLot, Store
from shared.engine.consume import offset_store
from shared.errors import Fenced, ServiceError
from tests.edge.engine_world import Emitted, a_case, an_engine_world, until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

INTERRUPTED = 11601
HOURS = 3 * 3_600


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


@pytest.fixture
async def other(world, kafka_and_mongo):
    """The store as another process of the service has it, by a name of its own to the database."""
    uri, name = kafka_and_mongo.mongo("admin"), f"{world.name}-other"
    async with AsyncMongoClient(uri, tz_aware=True, appname=name) as client:
        yield Store(client, world.name, cases="cases")


def emitting(world, case, number, padding=0):
    """A decision that emits one fact of a case, and counts it there."""

    def decide(unit):
        document = unit.load("cases", str(case)) or {"_id": str(case), "numbers": []}
        unit.save("cases", document | {"numbers": [*document["numbers"], number]})
        unit.emit(Emitted(case_id=case, number=number, on=world.facts_topic, padding="x" * padding))

    return decide


async def emit_one(store, world, case, number, padding=0):
    decide = emitting(world, case, number, padding)
    await store.act(f"{case}-{number}", {"cases": [str(case)]}, decide)


@asynccontextmanager
async def uncommitted(store, world, case, number):
    """One that has written all that it will, and commits at the end."""
    async with store.transaction() as session:
        unit = store.unit()
        await store.load(unit, {"cases": [str(case)]}, session)
        emitting(world, case, number)(unit)
        await store.write(unit, session)
        yield


async def published_of(world, case):
    """The first occurrences on the topic for the case, in that order."""
    numbers = [each.number for each in await world.published() if each.case == str(case)]
    return list(dict.fromkeys(numbers))


async def has_published(world, case, *numbers):
    return await published_of(world, case) == list(numbers)


# Rule 1: one transaction


async def test_a_fact_is_published_even_if_the_outbox_could_not_be_written_at_first(world):
    case = a_case()

    outbox = {"namespace": f"{world.name}.outbox", "mode": {"times": 3}}
    async with world.service(), world.failing("insert", errorCode=INTERRUPTED, **outbox):
        world.send(case, 1, 2, 3)
        await world.counted(case, 1, 2, 3)
        await world.settled()

    assert await published_of(world, case) == [1, 2, 3]


async def test_a_batch_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits(world):
    case = a_case()

    async with world.service():
        world.send(case, 2, 3)
        await until(lambda: _stands_at(world, 2), "two facts wait")
        fails = {"errorCode": INTERRUPTED, "mode": {"times": 3}}
        async with world.failing("commitTransaction", **fails):
            world.send(case, 1)
            await world.counted(case, 1, 2, 3)
        await world.settled()

    assert await world.parked() == []
    assert await published_of(world, case) == [1, 2, 3]
    assert len({each.bytes for each in await world.published()}) == 3, "a repeat is the same"


async def _stands_at(world, offset):
    return await _watermark(world) == offset


# Rules 5 and 6: the order in which the outbox is read


async def test_a_process_whose_clock_is_slow_does_not_publish_before_what_it_decided_upon(
    world, other, monkeypatch
):
    case = a_case()
    await emit_one(other, world, case, 1)
    with monkeypatch.context() as slow:
        now = time.time
        slow.setattr(time, "time", lambda: now() - HOURS)
        await emit_one(other, world, case, 2)
    await emit_one(other, world, case, 3)

    async with world.service():
        await world.settled()

    assert [each.number for each in await world.published()] == [1, 2, 3]


async def test_what_commits_behind_the_relays_position_is_published_before_what_follows_it(
    world, other
):
    """The relay reads slowly, while a case commits twice: behind its position, and ahead of it."""
    case, many = a_case(), [a_case() for _ in range(20)]
    async with world.service():
        pass  # its indexes are made

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_patient_server(world))
        async with uncommitted(other, world, case, 1):
            for each in many:
                await emit_one(other, world, each, 1)
            await stack.enter_async_context(_slow_reading(world, milliseconds=150))
            await stack.enter_async_context(world.service())
            await asyncio.sleep(0.5)
        await emit_one(other, world, case, 2)
        await until(lambda: has_published(world, many[-1], 1), "it has read to the end")
        await world.settled()

    assert await published_of(world, case) == [1, 2]


@asynccontextmanager
async def _slow_reading(world, *, milliseconds):
    """The reader of the outbox rests after each document, as on a busy machine."""
    admin, point = world.client.admin, "setYieldAllLocksWait"
    rests = {"namespace": f"{world.name}.outbox", "waitForMillis": milliseconds}
    before = await admin.command({"setParameter": 1, "internalQueryExecYieldIterations": 1})
    try:
        await admin.command({"configureFailPoint": point, "mode": "alwaysOn", "data": rests})
        yield
    finally:
        await admin.command({"configureFailPoint": point, "mode": "off"})
        back = {"setParameter": 1, "internalQueryExecYieldIterations": before["was"]}
        await admin.command(back)


# Rules 7 and 8: sending and deleting


async def test_after_a_send_that_failed_nothing_later_lands_and_nothing_is_given_up(world):
    """The first message is too large for its topic for a while; the second would fit."""
    case = a_case()

    async with world.service() as service:
        await _limit(world, 300_000)
        await emit_one(service.store, world, case, 1, padding=900_000)
        await emit_one(service.store, world, case, 2, padding=200_000)
        await asyncio.sleep(2)
        assert await published_of(world, case) == []
        await _limit(world, 1_048_588)
        await until(
            lambda: has_published(world, case, 1, 2), "both are published in order", seconds=60
        )


async def _limit(world, size):
    entry = ConfigEntry("max.message.bytes", str(size))
    entry.incremental_operation = AlterConfigOpType.SET
    topic = ConfigResource(ResourceType.TOPIC, world.facts_topic, incremental_configs=[entry])
    for altered in world.admin.incremental_alter_configs([topic]).values():
        await asyncio.to_thread(altered.result, 10)


async def test_what_commits_with_an_earlier_stamp_is_not_deleted_with_what_was_published(
    world, other
):
    early, late = a_case(), a_case()

    slow = {"blockConnection": True, "blockTimeMS": 1_500}
    async with world.service(), world.failing("delete", **slow):
        async with uncommitted(other, world, early, 1):
            await emit_one(other, world, late, 1)
            await until(lambda: has_published(world, late, 1), "it is published")
        await until(lambda: has_published(world, early, 1), "the other is published too")
        await world.settled()


# Rules 10 to 13: the watermark and its owner


async def test_a_batch_that_does_not_begin_at_the_watermark_is_refused_whole(world):
    case = a_case()
    world.send(case, 1)

    async with world.service() as service:
        await world.counted(case, 1)
        (worker,) = service.workers.values()
        mark = worker.mark
        world.send(case, 2)
        await world.counted(case, 1, 2)

        with pytest.raises(Fenced):
            async with service.store.transaction() as session:
                await offset_store.move(service.store, mark, mark.offset + 9, session)

        assert await _watermark(world) == 2


async def _watermark(world):
    row = await world.db.watermarks.find_one()
    return row and row["offset"]


async def test_a_record_that_the_client_skips_is_asked_for_again(world):
    case = a_case()

    async with world.service() as service:
        world.send(case, 1)
        await world.counted(case, 1)
        _skip(world, service, case, 2, 3)
        await world.counted(case, 1, 2, 3)


async def test_a_last_record_that_the_client_skips_is_found_by_the_lag_it_leaves(
    world, monkeypatch
):
    monkeypatch.setattr(shared.engine.consume.watchdog, "STUCK_S", 1.0)
    monkeypatch.setattr(shared.engine.consume.subscription, "_DISPLAY_EVERY_S", 0.2)
    case = a_case()

    async with world.service() as service:
        service.engine.subscriptions[0].watchdog.end = [].append  # or it would end the tests
        world.send(case, 1)
        await world.counted(case, 1)
        _skip(world, service, case, 2)
        await world.counted(case, 1, 2)


def _skip(world, service, case, *numbers):
    """Send facts, and set the client behind the first of them before it sees any."""
    consumer = service.engine.subscriptions[0].consumer
    ((place, worker),) = service.workers.items()
    consumer.pause(place)
    world.send(case, *numbers)
    consumer.seek(place, worker.mark.offset + 1)
    consumer.resume(place)


async def test_an_owner_that_was_fenced_by_a_late_rival_takes_its_partition_again(world, other):
    case = a_case()

    async with world.service():
        for number in (1, 2, 3):
            world.send(case, number)
            await world.counted(case, *range(1, number + 1))
            await _take(other, world)
        world.send(case, 4)
        await world.counted(case, 1, 2, 3, 4)


async def test_what_a_dead_owner_left_open_holds_up_no_heir(world, other):
    case = a_case()
    world.send(case, 1)
    async with world.service():
        await world.counted(case, 1)
    world.send(case, 2)

    mark = await _take(other, world)
    with suppress(ServiceError):
        async with _patient_server(world), other.transaction(mark.session) as session:
            await offset_store.move(other, mark, mark.offset + 1, session)
            async with world.service():
                await world.counted(case, 1, 2)
    assert await _watermark(world) == 2


@asynccontextmanager
async def _patient_server(world):
    """A server as it comes: it ends what is left open after a minute."""
    limit, admin = "transactionLifetimeLimitSeconds", world.client.admin
    before = await admin.command({"setParameter": 1, limit: 60})
    try:
        yield
    finally:
        await admin.command({"setParameter": 1, limit: before["was"]})


async def _take(store, world):
    """Become the partition's owner, as a process does to which the group gave it."""
    row = await world.db.watermarks.find_one()
    topic_id, _ = row["_id"].split("|")
    place = {"topic": world.topic, "topic_id": topic_id, "partition": 0}
    return await offset_store.take(store, **place, log_start=0, log_end=1_000)


# Rule 14: what staff decide while a batch is on its way


async def test_what_staff_decide_while_a_batch_is_open_is_not_overwritten(world, other):
    case = a_case()

    async with world.service():
        world.send(case, 1)
        await world.counted(case, 1)
        for number in (2, 3):
            slow = {"blockConnection": True, "blockTimeMS": 600, "mode": {"times": 1}}
            async with world.failing("update", **slow):
                world.send(case, number)
                await asyncio.sleep(0.3)
                await emit_one(other, world, case, 100 * number)
            await until(lambda number=number: _took_in(world, case, number), "it is taken in")
        await world.settled()

    numbers = await world.numbers(case)
    assert sorted(numbers) == [1, 2, 3, 200, 300]
    assert [each for each in await published_of(world, case) if each >= 100] == [200, 300]
    assert sorted(await published_of(world, case)) == sorted(numbers)


async def _took_in(world, case, number):
    return number in await world.numbers(case)


# Rule 17: the parking lot


async def test_what_is_kept_while_a_redrive_passes_by_is_not_left_behind(world, other):
    """The redrive has seen the parked rows without the fact that arrives before it commits."""
    case = a_case()
    world.send(case, 1)
    world.send(case, 2, does="fail")

    async with world.service():
        await until(lambda: world.db.parked.count_documents({"state": "failed"}), "it is parked")
        world.behaviour.fixed = True
        operator = ParkingLot(other, world.behaviour.facts(), {})
        slow = {"blockConnection": True, "blockTimeMS": 1_500, "appName": f"{world.name}-other"}
        async with world.failing("commitTransaction", **slow):
            redriven = asyncio.create_task(operator.redrive_case(str(case)))
            await asyncio.sleep(0.5)
            world.send(case, 3)
            assert await redriven == (1, 0)
        await world.counted(case, 1, 2, 3)

    assert await world.parked() == []


async def test_a_redrive_writes_away_nothing_that_was_decided_since_it_looked(world, other):
    case = a_case()
    world.send(case, 1)
    world.send(case, 2, does="fail")

    async with world.service() as service:
        await until(lambda: world.db.parked.count_documents({"state": "failed"}), "it is parked")
        world.behaviour.fixed = True
        operator = ParkingLot(other, world.behaviour.facts(), {})
        slow = {"blockConnection": True, "blockTimeMS": 1_000, "appName": f"{world.name}-other"}
        async with world.failing("update", **slow):
            redriven = asyncio.create_task(operator.redrive_case(str(case)))
            await asyncio.sleep(0.4)
            await emit_one(service.store, world, case, 100)
            await asyncio.sleep(1.0)
            await emit_one(service.store, world, case, 101)
        assert await redriven == (1, 0)
        await world.settled()

    numbers = await world.numbers(case)
    assert sorted(numbers) == [1, 2, 100, 101]
    assert await published_of(world, case) == numbers
