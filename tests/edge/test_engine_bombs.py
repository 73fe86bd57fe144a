"""Attacks by size: batches of some KB that unpack to more than a consumer has memory for."""

import json
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from shared.contracts import source_of
from shared.contracts.envelope import Envelope, write_envelope
from shared.engine.limits.bounded_decompression import MAX_BATCH_BYTES
from tests.edge.engine_world import Counted, a_case, an_engine_world

MIB = 1024 * 1024
PARTITIONS = 2


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo, PARTITIONS) as world:
        yield world


class Bomber:
    """A partner's client that keeps none of the limits that clients keep."""

    def __init__(self, world, codec="zstd", linger_ms=5):
        self.topic = world.topic
        limits = {"message.max.bytes": 1_000_000_000, "batch.size": 1_000_000_000}
        limits |= {"batch.num.messages": 1_000_000, "queue.buffering.max.messages": 2_000_000}
        limits |= {"queue.buffering.max.kbytes": 2_000_000, "linger.ms": linger_ms}
        self.producer = Producer({**world.login, **limits, "compression.codec": codec})
        self.refused = []

    def put(self, value=None, headers=(), count=1, key=None):
        """One batch on partition 0."""
        for _ in range(count):
            self.producer.produce(
                self.topic,
                value,
                key=key,
                partition=0,
                headers=list(headers),
                on_delivery=self._on_delivery,
            )
        assert self.producer.flush(60) == 0
        assert self.refused == []

    def _on_delivery(self, error, _):
        if error is not None:
            self.refused.append(str(error))


def send(world, case, number, partition):
    world.post(case, number, partition=partition)
    world.flush()


def a_fact(world, case, number, padding):
    """A fact in order that is much longer than it need be."""
    fact = Counted(case_id=case, number=number, on=world.topic)
    envelope = Envelope(
        id=f"{case}-{number}",
        source=source_of(world.topic),
        type=Counted.type,
        subject=str(case),
        sequence=number,
    )
    return json.dumps(json.loads(fact.write()) | {"padding": padding}), write_envelope(envelope)


def peak_mib(process):
    """The most memory that a process ever used."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(peak) // 1024


SIZES = {"zstd": 300 * MIB, "gzip": 300 * MIB, "lz4": 200 * MIB, "snappy": 16 * MIB}


@pytest.mark.parametrize("codec", SIZES)
async def test_a_bomb_is_kept_by_position_and_costs_neither_memory_nor_neighbours(world, codec):
    before, behind, beside = a_case(), a_case(), a_case()
    send(world, beside, 1, partition=1)
    async with world.process() as process:
        await world.counted(beside, 1)
        usual = peak_mib(process)

        send(world, before, 1, partition=0)
        Bomber(world, codec).put(bytes(SIZES[codec]))
        send(world, behind, 1, partition=0)
        send(world, beside, 2, partition=1)
        await world.counted(before, 1)
        await world.counted(behind, 1)
        await world.counted(beside, 1, 2)
        grown = peak_mib(process) - usual

    (row,) = await world.parked()
    assert (row["state"], row["partition"], row["offset"]) == ("unreadable", 0, 1)
    assert row["until"] == 2
    assert "BatchTooLarge" in row["reason"]
    assert grown < 60


async def test_many_batches_below_the_bound_do_not_add_up(world):
    case, numbers = a_case(), range(1, 61)
    async with world.process() as process:
        usual = peak_mib(process)
    bomber = Bomber(world)
    for number in numbers:
        bomber.put(*a_fact(world, case, number, "x" * (MAX_BATCH_BYTES - MIB)), key=str(case))

    async with world.process() as process:
        await world.counted(case, *numbers, seconds=60)
        grown = peak_mib(process) - usual

    assert await world.parked() == []
    assert grown < 100


async def test_a_bomb_of_many_offsets_is_stepped_over_at_once(world):
    behind, beside, count = a_case(), a_case(), 700_000
    send(world, beside, 1, partition=1)
    Bomber(world, linger_ms=10_000).put(b"", count=count)
    send(world, behind, 1, partition=0)

    async with world.service():
        began = time.monotonic()
        await world.counted(behind, 1)
        await world.counted(beside, 1)
        took = time.monotonic() - began

    spans = [(row["offset"], row["until"], row["state"]) for row in await world.parked()]
    assert spans == [(0, count, "unreadable")]
    assert took < 8


async def test_a_bomb_of_headers_is_kept_by_position(world):
    behind = a_case()
    async with world.process() as process:
        send(world, behind, 1, partition=0)
        await world.counted(behind, 1)
        usual = peak_mib(process)
        Bomber(world).put(b"", headers=[("", None)] * (MAX_BATCH_BYTES // 2 - 100))
        send(world, behind, 2, partition=0)
        await world.counted(behind, 1, 2)
        grown = peak_mib(process) - usual

    (row,) = await world.parked()
    assert (row["state"], row["offset"], row["until"]) == ("unreadable", 1, 2)
    assert grown < 60
