"""Attacks by bytes: batches that no client can decode, and a broker that does not answer meanwhile."""

import asyncio
import struct
import time

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, RequestTimedOutError

from shared.engine.kafka.undecodable_batch import next_decodable
from shared.errors import Unavailable
from tests.edge.engine_world import a_case, an_engine_world, until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

BATCH_HEADER = struct.Struct(">qii b I h i q q q h i i")


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


def damage(segment, base_offset):
    """Flip bits of the records of the batch that begins at `base_offset`."""
    with segment.open("r+b") as file:
        while header := file.read(BATCH_HEADER.size):
            first, length, *_ = BATCH_HEADER.unpack(header)
            body = length + 12 - BATCH_HEADER.size
            if first == base_offset:
                place = file.tell()
                flipped = bytes(byte ^ 0x55 for byte in file.read(min(body, 16)))
                file.seek(place)
                file.write(flipped)
                return
            file.seek(body, 1)
    raise AssertionError(f"no batch begins at {base_offset}")


async def test_a_batch_with_a_broken_checksum_is_kept_by_position_and_stepped_over(world):
    before, inside, behind = a_case(), a_case(), a_case()
    world.send(before, 1, 2, 3)
    world.send(inside, 1, 2)
    world.send(behind, 1)
    damage(world.segment(world.topic), 3)

    async with world.service():
        started = time.monotonic()
        await world.counted(before, 1, 2, 3)
        await world.counted(behind, 1)
        took = time.monotonic() - started
        world.send(behind, 2)
        await world.counted(behind, 1, 2)

    assert await world.effects(inside) == []
    (row,) = await world.parked()
    assert (row["state"], row["offset"], row["until"]) == ("unreadable", 3, 5)
    assert row["topic"] == world.topic
    assert took < 3


async def test_every_broken_batch_is_stepped_over_and_no_good_one_between_them(world):
    cases = [a_case() for _ in range(9)]
    for case in cases:
        world.send(case, 1)
    for broken in (0, 2, 3, 8):
        damage(world.segment(world.topic), broken)

    async with world.service():
        for number in (1, 4, 5, 6, 7):
            await world.counted(cases[number], 1)
        await until(lambda: _kept(world, 4), "all broken ones are kept")
        extra = a_case()
        world.send(extra, 1)
        await world.counted(extra, 1)

    assert await _kept_offsets(world) == [0, 2, 3, 8]


async def _kept(world, count):
    return len(await _kept_offsets(world)) == count


async def _kept_offsets(world):
    rows = await world.parked()
    return sorted(at for row in rows for at in range(row["offset"], row["until"]))


async def test_a_broken_batch_does_not_hold_up_other_partitions_under_traffic(world):
    second = f"{world.name}.more"
    await world.make_topic(second)
    behind, busy = a_case(), a_case()
    for _ in range(20):
        world.send(a_case(), 1)
    world.send(behind, 1)
    for broken in range(5, 15):
        damage(world.segment(world.topic), broken)
    world.send(busy, 1, topic=second)

    enough = asyncio.Event()
    going = asyncio.create_task(_traffic(world, second, busy, enough))
    async with world.service(world.topic, second):
        await world.counted(behind, 1, seconds=5)
        enough.set()
        await world.counted(busy, *range(1, await going + 1))


async def _traffic(world, topic, case, enough):
    """Facts without a pause until it is enough; returns how many there are."""
    number = 1
    while not enough.is_set():
        number += 1
        await asyncio.to_thread(world.send, case, number, topic=topic)
    return number


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_batches_of_every_codec_are_read(world, codec):
    case = a_case()
    world.use_codec(codec)
    world.send(case, *range(1, 40))

    async with world.service():
        await world.counted(case, *range(1, 40))

    assert await world.parked() == []


async def test_a_compressed_batch_of_rubbish_is_stepped_over(world):
    case, behind = a_case(), a_case()
    world.use_codec("zstd")
    world.send(case, *range(1, 40))
    world.use_codec("none")
    world.send(behind, 1)
    damage(world.segment(world.topic), 0)

    async with world.service():
        await world.counted(behind, 1)

    (row,) = await world.parked()
    assert (row["offset"], row["until"]) == (0, 39)


class Answering:
    """A consumer whose broker gives prepared answers, offset by offset."""

    def __init__(self, place, answers):
        self.place = place
        self.answers = answers
        self.at = None

    async def end_offsets(self, places):
        return dict.fromkeys(places, 10)

    def seek(self, _, offset):
        self.at = offset

    def pause(self, place):
        pass

    async def getmany(self, place, **_):
        answer = self.answers.get(self.at, ["record"])
        now = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(now, Exception):
            raise now
        return {} if now is None else {place: [now]}


BROKEN = CorruptRecordException()


async def test_a_slow_broker_makes_no_good_record_look_broken():
    place = TopicPartition("t", 0)
    consumer = Answering(place, {4: [BROKEN], 5: [BROKEN], 6: [None, None, "record"]})

    assert await next_decodable(consumer, place, 3) == 6


async def test_a_broker_that_fails_makes_no_good_record_look_broken():
    place = TopicPartition("t", 0)

    with pytest.raises(RequestTimedOutError):
        await next_decodable(Answering(place, {4: [BROKEN], 5: [RequestTimedOutError()]}), place, 3)
    with pytest.raises(Unavailable):
        await next_decodable(Answering(place, {4: [BROKEN], 5: [None]}), place, 3)
