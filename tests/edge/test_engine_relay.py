"""Attacks on the way from the outbox to the topics: crashes, clocks, rivals and topics that are gone."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from bson import Timestamp
from pymongo import AsyncMongoClient

from shared.contracts.envelope import Envelope, write_envelope
from shared.engine import Message, Store
from tests.edge.engine_world import Emitted, a_case, an_engine_world, until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

INTERRUPTED = 11601


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo, partitions=2) as world:
        yield world


def firsts(records):
    """First occurrences by case, in the topic's order, and the repeats that differ from them."""
    seen, differing = {}, []
    for each in records:
        known = seen.setdefault(each.case, {})
        if known.setdefault(each.sequence, each).bytes != each.bytes:
            differing.append(each)
    return {case: list(known) for case, known in seen.items()}, differing


async def test_a_relay_that_fails_between_acknowledgement_and_delete_repeats_the_same_bytes(world):
    case = a_case()

    async with world.service():
        fails = {"errorCode": INTERRUPTED, "mode": {"times": 3}}
        async with world.failing("delete", **fails):
            world.send(case, *range(1, 21))
            await world.counted(case, *range(1, 21))
            await world.settled()

    records = await world.published()
    order, differing = firsts(records)
    assert len(records) > 20, "it did repeat"
    assert order == {str(case): list(range(1, 21))}
    assert differing == []


async def test_a_relay_killed_between_acknowledgement_and_delete_repeats_the_same_bytes(world):
    case = a_case()
    world.send(case, *range(1, 21))

    fails = {"errorCode": INTERRUPTED}
    async with world.failing("delete", **fails), world.process(instance="one") as process:
        await until(lambda: _is_published(world, 20), "all is published", seconds=20)
        process.kill()
        await process.wait()
    assert await world.db.outbox.count_documents({}) > 0, "it died before the delete"
    async with world.service():
        await world.settled()

    records = await world.published()
    order, differing = firsts(records)
    assert len(records) > 20, "it did repeat"
    assert order == {str(case): list(range(1, 21))}
    assert differing == []


async def _is_published(world, count):
    return len(await world.published()) >= count


async def test_the_outbox_is_published_in_commit_order_whatever_the_clocks_show(world, stack_uri):
    """Two processes, their clocks hours apart, decide on the same cases side by side."""
    cases = [a_case() for _ in range(3)]
    skews = [timedelta(hours=-3), timedelta(hours=2), timedelta(0)]
    clients = [AsyncMongoClient(stack_uri, tz_aware=True) for _ in skews]
    stores = [_store(client, world, skew) for client, skew in zip(clients, skews, strict=True)]

    async def decide(store, who):
        for act in range(12):
            case = cases[act % len(cases)]
            await store.act(
                f"{who}-{act}", {"cases": [str(case)]}, lambda unit, case=case: _emit(unit, case)
            )

    def _emit(unit, case):
        document = unit.load("cases", str(case)) or {"_id": str(case), "numbers": []}
        number = len(document["numbers"]) + 1
        unit.save("cases", document | {"numbers": [*document["numbers"], number]})
        unit.emit(Emitted(case_id=case, number=number, on=world.facts_topic))

    async with world.service():
        await asyncio.gather(*(decide(store, who) for who, store in enumerate(stores)))
        await world.settled()
    for client in clients:
        await client.close()

    records = await world.published()
    assert all(each.number == each.sequence for each in records)
    order, differing = firsts(records)
    assert order == {str(case): list(range(1, 13)) for case in cases}
    assert differing == []


def _store(client, world, skew):
    return Store(client, world.name, cases="cases", clock=lambda: datetime.now(UTC) + skew)


@pytest.fixture
def stack_uri(kafka_and_mongo):
    return kafka_and_mongo.mongo("admin")


async def test_two_relays_side_by_side_break_no_order(world):
    cases = [a_case() for _ in range(6)]

    async with (
        world.service(instance="a", group=f"{world.name}.a"),
        world.service(f"{world.name}.facts", instance="b", group=f"{world.name}.b"),
    ):
        for number in range(1, 31):
            for case in cases:
                world.send(case, number)
            if number % 10 == 0:
                await world.db.leases.delete_many({})
        for case in cases:
            await until(lambda case=case: _counted(world, case, 30), "all are taken in")
        await world.settled()

    order, differing = firsts(await world.published())
    assert order == {str(case): list(range(1, 31)) for case in cases}
    assert differing == []


async def _counted(world, case, count):
    return await world.numbers(case) == list(range(1, count + 1))


async def test_a_letter_to_a_topic_that_is_gone_holds_up_nobody_else(world):
    gone, case = f"partner.{world.name.replace('_', '-')}.replies", a_case()
    envelope = Envelope(id="1", source="/test", type="test.letter.v1", subject="R-1")

    async with world.service() as service:
        await service.store.act(
            "letter", {}, lambda unit: unit.send(Message(gone, "R-1", envelope, b"{}"))
        )
        world.send(case, 1)
        await world.counted(case, 1)
        await until(lambda: _is_published(world, 1), "the fact is published", seconds=2)
        await until(lambda: world.db.parked.count_documents({}), "the letter is kept", seconds=30)

        (row,) = await world.parked()
        assert row["state"] == "undeliverable"
        await world.make_topic(gone)
        assert await service.parking_lot.redrive(row["_id"]) == (1, 0)
        await world.settled()

    assert await world.parked() == []
    assert len(await asyncio.to_thread(world.raw, gone)) == 1
    await world.remove_topic(gone)


async def test_facts_wait_for_their_topic_in_order_while_all_others_go_out(world):
    """Each action emits something there and something here; more of them than one reading holds."""
    case, later, count = a_case(), f"{world.name}.later", 60

    async with world.service() as service:

        def decide(number):
            def decide(unit):
                document = unit.load("cases", str(case)) or {"_id": str(case), "numbers": []}
                unit.save("cases", document | {"numbers": [*document["numbers"], number]})
                unit.emit(Emitted(case_id=case, number=number, on=later))
                unit.emit(Emitted(case_id=case, number=number, on=world.facts_topic))

            return decide

        for number in range(1, count + 1):
            await service.store.act(f"fact-{number}", {"cases": [str(case)]}, decide(number))
        await until(lambda: _is_published(world, count), "all that can go out is out", seconds=10)
        assert await world.db.outbox.count_documents({}) == count
        assert len(await world.published()) == count, "and it goes out once"
        await world.make_topic(later)
        await until(lambda: _is_empty(world), "it is published", seconds=10)

    assert [each.number for each in await world.published(later)] == list(range(1, count + 1))
    assert [each.number for each in await world.published()] == list(range(1, count + 1))


async def _is_empty(world):
    return await world.db.outbox.count_documents({}) == 0


async def test_a_message_that_was_packed_by_an_older_hand_goes_out_as_it_is(world):
    """The outbox is read as stored: a second process may have written it."""
    case = str(uuid4())
    envelope = Envelope(
        id="x", source=f"/{world.name}/facts", type=Emitted.type, subject=case, sequence=1
    )
    fact = Emitted(case_id=case, number=1, on=world.facts_topic)
    message = {
        "topic": world.facts_topic,
        "key": case,
        "headers": dict(write_envelope(envelope)),
        "value": fact.write(),
    }

    async with world.service():
        await world.db.outbox.insert_one({"at": Timestamp(0, 0), "messages": [message]})
        await world.settled()

    assert [(each.case, each.sequence) for each in await world.published()] == [(case, 1)]
