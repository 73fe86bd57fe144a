"""The watchdog: who has work and does not move is ended, a pause that was declared is left alone."""

import asyncio
from signal import SIGKILL

import pytest
from aiokafka.errors import KafkaTimeoutError

import shared.engine.consume.subscription
import shared.engine.consume.watchdog
from shared.errors import Away
from tests.edge.engine_world import a_case, an_engine_world, until

STUCK_S = 1.0
SECONDS = 60.0


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo, partitions=2) as world:
        yield world


@pytest.fixture
def quick(monkeypatch):
    """A watchdog that looks often and has little patience."""
    monkeypatch.setattr(shared.engine.consume.watchdog, "STUCK_S", STUCK_S)
    monkeypatch.setattr(shared.engine.consume.subscription, "_DISPLAY_EVERY_S", STUCK_S / 10)


pytestmark = pytest.mark.usefixtures("quick")


def watched(service):
    """The watchdog, which records the reason instead of ending the tests."""
    (subscription,) = service.engine.subscriptions
    ended = []
    subscription.watchdog.end = ended.append
    return subscription.watchdog, ended


class NobodyIsAnswered:
    """A health probe who reaches nothing either."""

    def __init__(self):
        self.asked = 0

    async def is_answered(self, _topics):
        self.asked += 1
        return False

    async def broker_answers(self, _topics):
        self.asked += 1
        if self.asked == 1:
            raise OSError  # the watchdog goes on all the same
        return False


async def test_a_pause_for_a_database_that_nobody_reaches_is_left_alone(world):
    case = a_case()

    async with world.service() as service:
        watchdog, ended = watched(service)
        watchdog.health_probe = health_probe = NobodyIsAnswered()
        async with world.failing("find", "update", "commitTransaction", closeConnection=True):
            world.send(case, 1)
            await until(
                lambda: health_probe.asked > 2, "it is asked again and again", seconds=SECONDS
            )
        await world.counted(case, 1, seconds=SECONDS)

    assert ended == []


async def test_who_alone_cannot_take_its_partition_is_ended(world, monkeypatch):
    async def silence(*_places):
        raise KafkaTimeoutError

    async with world.service() as service:
        _, ended = watched(service)
        (subscription,) = service.engine.subscriptions
        await until(lambda: subscription.reading, "it reads")
        monkeypatch.setattr(subscription.consumer, "beginning_offsets", silence)
        for worker in service.workers.values():
            worker.reassign()
        await until(lambda: ended, "it is ended", seconds=SECONDS)

    assert "the broker does not return the log's offsets" in ended[0]


async def test_a_halt_is_left_alone(world):
    cases = [a_case() for _ in range(60)]

    async with world.service() as service:
        _, ended = watched(service)
        for case in cases:
            world.send(case, 1, does="fail")
        await until(
            lambda: any(worker.halted for worker in service.workers.values()), "the partition halts"
        )
        (halted, *_) = [worker for worker in service.workers.values() if worker.halted]
        await until(lambda: halted.lag, "something waits behind it")
        await asyncio.sleep(4 * STUCK_S)
        assert halted.halted

    assert ended == []


async def test_a_pause_for_what_only_a_person_can_bring_back_is_left_alone(world, monkeypatch):
    case = a_case()

    async def no_key(_records):
        raise Away("the keys cannot be read")

    async with world.service() as service:
        _, ended = watched(service)
        (subscription,) = service.engine.subscriptions
        prepare = subscription.processor.prepare
        monkeypatch.setattr(subscription.processor, "prepare", no_key)
        world.send(case, 1)
        await until(
            lambda: any(worker.retries.waiting for worker in service.workers.values()), "it waits"
        )
        await asyncio.sleep(4 * STUCK_S)
        monkeypatch.setattr(subscription.processor, "prepare", prepare)
        await world.counted(case, 1, seconds=SECONDS)

    assert ended == []


async def test_who_waits_long_for_its_turn_is_left_alone_as_long_as_others_move(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo, partitions=16) as world:
        cases = [a_case() for _ in range(16)]
        for partition, case in enumerate(cases):
            for number in (1, 2):
                world.post(case, number, partition=partition)
        world.flush()

        slow = {"blockConnection": True, "blockTimeMS": 400}
        async with world.service() as service:
            _, ended = watched(service)
            async with world.failing("commitTransaction", **slow):
                for case in cases:
                    await world.counted(case, 1, 2, seconds=SECONDS)

    assert ended == []


@pytest.mark.parametrize("away", [False, True], ids=["answers others", "is away"])
async def test_a_client_that_hears_nothing_is_ended_if_the_broker_answers_others(
    world, monkeypatch, away
):
    async def silence(*_places):
        raise KafkaTimeoutError

    health_probe = NobodyIsAnswered()
    async with world.service() as service:
        watchdog, ended = watched(service)
        (subscription,) = service.engine.subscriptions
        if away:
            watchdog.health_probe = health_probe
        monkeypatch.setattr(subscription.consumer, "end_offsets", silence)
        await until(lambda: ended or health_probe.asked > 3, "the watchdog has looked")
        monkeypatch.undo()

    assert bool(ended) is not away
    assert all("hears nothing" in reason for reason in ended)


async def test_who_alone_cannot_reach_the_database_is_ended_and_followed_by_an_heir(world):
    case = a_case()
    async with (
        world.process(instance="stuck", stuck_s=STUCK_S) as process,
        world.failing("find", "update", "commitTransaction", closeConnection=True),
    ):
        world.send(case, 1)
        output = await asyncio.wait_for(process.stdout.read(), SECONDS)
        assert await process.wait() == -SIGKILL

    assert b"MongoDB cannot answer now" in output
    assert b"but others are answered" in output
    async with world.process(instance="stuck"):
        await world.counted(case, 1, seconds=SECONDS)
