"""Attacks by backlog: a process keeps within its budget, however many share it."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from bson import Timestamp
from confluent_kafka import Consumer, KafkaError, TopicPartition

from shared.contracts import source_of
from shared.contracts.envelope import Envelope, write_envelope
from shared.engine.limits.memory_budget import DEFAULT_MIB
from tests.edge.engine_world import Counted, Emitted, a_case, an_engine_world, until
from tests.edge.test_engine_bombs import Bomber, a_fact, peak_mib

PARTITIONS = 64
LARGE = 980_000
SMALL_MIB = 16


def bound_mib(budget_mib):
    """What a process may grow by: what it holds is there in two forms, and a reply of MongoDB."""
    return 64 + 2 * budget_mib


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo, PARTITIONS) as world:
        world.use_codec("lz4")  # what is sent need not be large, what is kept is
        yield world


def post(world, case, number, partition, *, does="count", padding=LARGE):
    fact = Counted(case_id=case, number=number, on=world.topic, does=does)
    envelope = Envelope(
        id=f"{case}-{number}",
        source=source_of(world.topic),
        type=Counted.type,
        subject=str(case),
        sequence=number,
    )
    value = json.dumps(json.loads(fact.write()) | {"padding": "x" * padding}).encode()
    world.put(world.topic, str(case), value, write_envelope(envelope), partition)
    world.flush()


def sequences(world, topic):
    """Under each key of a topic, the sequence numbers in their order."""
    limits = {"fetch.message.max.bytes": 8_000_000, "fetch.max.bytes": 64_000_000}
    settings = {"group.id": f"{world.name}.eyes", "auto.offset.reset": "earliest"}
    consumer = Consumer({**world.login, **settings, **limits, "enable.partition.eof": True})
    found = {}
    try:
        partitions = list(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, each, 0) for each in partitions])
        left = set(partitions)
        while left:
            message = consumer.poll(10)
            if message.error():
                assert message.error().code() == KafkaError._PARTITION_EOF
                left.discard(message.partition())
                continue
            number = int(dict(message.headers())["ce_sequence"])
            found.setdefault(message.key().decode(), []).append(number)
    finally:
        consumer.close()
    return found


async def effects(world, count):
    async def look():
        return await world.db.effects.count_documents({}) >= count

    await until(look, f"{count} events had their effect", seconds=150)


@pytest.fixture
async def usual(world):
    """What the service holds when there is nothing to do."""
    async with world.process() as process:
        case = a_case()
        world.send(case, 1)
        await world.counted(case, 1)
        return peak_mib(process)


async def test_many_partitions_of_the_largest_events_share_one_budget(world, usual):
    numbers = range(1, 5)
    cases = [a_case() for _ in range(PARTITIONS)]
    for partition, case in enumerate(cases):
        for number in numbers:
            post(world, case, number, partition)

    async with world.process() as process:
        await effects(world, len(cases) * len(numbers) + 1)
        grown = peak_mib(process) - usual

    for case in cases:
        assert await world.numbers(case) == list(numbers)
    assert await world.parked() == []
    assert grown < bound_mib(DEFAULT_MIB)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setenv("SAMRAAD_MEMORY_MIB", str(SMALL_MIB))


@pytest.mark.usefixtures("small")
async def test_an_outbox_of_the_largest_documents_is_published_a_few_at_a_time(world, usual):
    documents, messages = 16, 8
    cases = [str(a_case()) for _ in range(messages)]
    for sequence in range(1, documents + 1):
        packed = [
            {
                "topic": world.facts_topic,
                "key": case,
                "value": Emitted(
                    case_id=case, number=sequence, on=world.facts_topic, padding="x" * LARGE
                ).write(),
                "id": f"{case}/{sequence}",
                "type": Emitted.type,
                "time": datetime.now(UTC),
                "sequence": sequence,
                "traceparent": None,
            }
            for case in cases
        ]
        await world.db.outbox.insert_one({"at": Timestamp(0, 0), "messages": packed})

    async with world.process() as process:
        await world.settled()
        grown = peak_mib(process) - usual

    published = await asyncio.to_thread(sequences, world, world.facts_topic)
    assert {case: published[case] for case in cases} == {
        case: list(range(1, documents + 1)) for case in cases
    }
    assert grown < bound_mib(SMALL_MIB)


async def test_a_parking_lot_of_the_largest_events_is_resumed_a_few_at_a_time(
    world, usual, monkeypatch
):
    case, last = a_case(), 100
    for number in range(2, last + 1):
        post(world, case, number, 0)

    async def all_wait():
        return await world.db.parked.count_documents({}) == last - 1

    async with world.process():
        await until(all_wait, "all but the first wait", seconds=150)
    monkeypatch.setenv("SAMRAAD_MEMORY_MIB", str(SMALL_MIB))
    post(world, case, 1, 0, padding=0)
    async with world.process() as process:
        await effects(world, last + 1)
        grown = peak_mib(process) - usual

    assert await world.numbers(case) == list(range(1, last + 1))
    assert await world.effects(case) == list(range(1, last + 1))
    assert await world.parked() == []
    assert grown < bound_mib(SMALL_MIB)


@pytest.mark.usefixtures("small")
async def test_events_larger_than_any_share_pass_one_by_one(world, usual):
    case, numbers = a_case(), range(1, 13)
    bomber = Bomber(world, "lz4")  # whose events are small on their way
    for number in numbers:
        bomber.put(*a_fact(world, case, number, "x" * 3 * LARGE), key=str(case))

    async with world.process() as process:
        await world.counted(case, *numbers, seconds=150)
        grown = peak_mib(process) - usual

    assert await world.parked() == []
    assert grown < bound_mib(SMALL_MIB)


@pytest.mark.usefixtures("small")
async def test_large_cases_are_loaded_a_few_at_a_time(world, usual):
    cases = [a_case() for _ in range(60)]
    for case in cases:
        stored = {"_id": str(case), "version": 1, "numbers": [], "padding": "x" * 3 * LARGE}
        await world.db.cases.insert_one(stored)
    for case in cases:
        post(world, case, 1, 0, padding=0)

    async with world.process() as process:
        await effects(world, len(cases) + 1)
        grown = peak_mib(process) - usual

    for case in cases:
        assert await world.numbers(case) == [1]
    assert await world.parked() == []
    assert grown < bound_mib(SMALL_MIB)
