"""Attacks by rivals: zombies, staff in between, unclear commits, and logs that are not what they were."""

import asyncio
import signal
import time

import pytest
from confluent_kafka import TopicPartition

from shared.contracts import source_of
from shared.engine.consume import circuit_breaker
from shared.errors import Rejected
from tests.edge.engine_world import Emitted, a_case, an_engine_world, until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

WRITE_CONCERN_FAILED = {"code": 64, "errmsg": "waiting for replication timed out"}


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


async def test_two_owners_of_one_partition_give_each_fact_one_effect(world):
    cases = [a_case() for _ in range(8)]

    async with world.service(instance="a", group=f"{world.name}.a"):
        for number in range(1, 6):
            for case in cases:
                world.send(case, number)
        async with world.service(instance="b", group=f"{world.name}.b"):
            for number in range(6, 11):
                for case in cases:
                    world.send(case, number)
            for case in cases:
                await world.counted(case, *range(1, 11))
            await world.settled()

    firsts = {}
    for each in await world.published():
        firsts.setdefault(each.case, {}).setdefault(each.sequence, each.number)
    assert all(list(seen.items()) == [(n, n) for n in range(1, 11)] for seen in firsts.values())


async def test_a_zombie_that_wakes_up_has_no_effect_of_its_own(world):
    case, number = a_case(), 0

    async with world.process(group=f"{world.name}.zombie") as zombie:
        for _ in range(4):
            number += 1
            world.send(case, *range(number, number + 40))
            number += 39
            await asyncio.sleep(0.02)
            zombie.send_signal(signal.SIGSTOP)
            async with world.service(instance="heir", group=f"{world.name}.heir"):
                await world.counted(case, *range(1, number + 1))
                zombie.send_signal(signal.SIGCONT)
                number += 1
                world.send(case, *range(number, number + 10))
                number += 9
                await world.counted(case, *range(1, number + 1))
        zombie.send_signal(signal.SIGSTOP)


async def test_staff_act_on_a_case_while_facts_arrive_and_nothing_is_written_away(world):
    case = a_case()
    world.send(case, 1)

    def note(number):
        def decide(unit):
            document = unit.load("cases", str(case))
            document["numbers"].append(number)
            unit.save("cases", document)
            unit.emit(Emitted(case_id=case, number=number, on=world.facts_topic))
            return number

        return decide

    async with world.service() as service:
        await world.counted(case, 1)

        async def staff(who):
            for act in range(10):
                number = 1_000 + 10 * who + act
                needs = {"cases": [str(case)]}
                assert await service.store.act(f"act-{number}", needs, note(number)) == number

        async def traffic():
            for number in range(2, 62):
                await asyncio.to_thread(world.send, case, number)

        await asyncio.gather(traffic(), *(staff(who) for who in range(4)))
        await until(lambda: _length(world, case, 61 + 40), "everything is written", was=world.db)
        await world.settled()

    numbers = await world.numbers(case)
    assert [number for number in numbers if number < 1_000] == list(range(1, 62))
    assert sorted(number for number in numbers if number >= 1_000) == list(range(1_000, 1_040))
    published = list({each.bytes: each for each in await world.published()}.values())  # once each
    assert [each.sequence for each in published] == list(range(1, 102))
    assert [each.number for each in published] == numbers, "published in the order of the decisions"


async def _length(world, case, length):
    return len(await world.numbers(case)) == length


async def test_an_action_with_one_key_happens_once_however_often_it_is_tried(world):
    case = a_case()

    def decide(unit):
        unit.save("cases", {"_id": str(case), "numbers": [7]})
        unit.emit(Emitted(case_id=case, number=7, on=world.facts_topic))
        return {"was": 7}

    async with world.service() as service:
        needs = {"cases": [str(case)]}
        outcomes = await asyncio.gather(
            *(service.store.act("key-1", needs, decide) for _ in range(6)), return_exceptions=True
        )
        await world.settled()

    assert outcomes == [{"was": 7}] * 6
    assert len(await world.published()) == 1


async def test_a_commit_of_which_nobody_knows_counts_once_for_staff_and_for_facts(world):
    case, other = a_case(), a_case()

    def decide(unit):
        unit.save("cases", {"_id": str(other), "numbers": [7]})
        unit.emit(Emitted(case_id=other, number=7, on=world.facts_topic))
        return 7

    async with world.service() as service:
        fails = {"writeConcernError": WRITE_CONCERN_FAILED, "mode": {"times": 6}}
        async with world.failing("commitTransaction", **fails):
            needs = {"cases": [str(other)]}
            acting = asyncio.create_task(service.store.act("key-1", needs, decide))
            world.send(case, 1, 2, 3)
            assert await acting == 7
            await world.counted(case, 1, 2, 3)
        await world.settled()

    firsts = {(each.case, each.sequence): each.number for each in await world.published()}
    assert firsts == {(str(other), 1): 7} | {(str(case), n): n for n in (1, 2, 3)}


async def test_a_connection_that_breaks_in_the_middle_of_an_action_leaves_no_case_locked(world):
    case = a_case()

    def decide(number):
        def decide(unit):
            document = unit.load("cases", str(case)) or {"_id": str(case), "numbers": []}
            unit.save("cases", document | {"numbers": [*document["numbers"], number]})
            unit.emit(Emitted(case_id=case, number=number, on=world.facts_topic))

        return decide

    async with world.service() as service:
        needs = {"cases": [str(case)]}
        for number in range(1, 5):
            broken = {"closeConnection": True, "mode": {"times": number % 3 + 1}}
            async with world.failing("commitTransaction", "insert", **broken):
                started = time.monotonic()
                await service.store.act(f"act-{number}", needs, decide(number))
                assert time.monotonic() - started < 5
        assert await world.numbers(case) == list(range(1, 5))
        await world.settled()


async def test_a_database_that_goes_away_in_the_middle_costs_nothing(world):
    cases = [a_case() for _ in range(5)]

    async with world.service():
        lost = {"closeConnection": True, "mode": {"activationProbability": 0.2}}
        async with world.failing("commitTransaction", "update", "find", "insert", **lost):
            for number in range(1, 31):
                for case in cases:
                    world.send(case, number)
            await asyncio.sleep(1)
        for case in cases:
            await world.counted(case, *range(1, 31))


async def test_when_many_cases_fail_of_one_cause_the_partition_halts_and_parks_none_of_them(world):
    cases = [a_case() for _ in range(30)]
    for case in cases:
        world.send(case, 1, does="fail")

    async with world.service() as service:
        await until(
            lambda: any(worker.halted for worker in service.workers.values()), "the partition halts"
        )
        health = await service.health()
        assert health["state"] == "degraded"
        assert health["lag"] > 0, "a halt does not hide what waits behind it"
        (sentence,) = health["halted"]
        assert "ZeroDivisionError" in sentence
        assert "secret" not in sentence
        assert health["parked"] < 20

        world.behaviour.fixed = True
        for worker in service.workers.values():
            worker.resume()
        for case in cases:
            if not await world.parked(case_id=str(case)):
                await world.counted(case, 1)
        assert (await service.health())["halted"] == []


async def test_cases_that_are_to_park_after_all_park_at_an_operators_word(world, monkeypatch):
    monkeypatch.setattr(circuit_breaker, "WITHIN_S", 1.0)
    cases = [a_case() for _ in range(45)]
    for case in cases:
        world.send(case, 1, does="fail")

    async with world.service() as service:
        (worker,) = service.workers.values()

        async def all_stand():
            if worker.halted:
                worker.resume()
            return await service.parking_lot.count() == len(cases)

        await until(lambda: worker.halted, "the partition halts")
        await until(all_stand, "all of them park", seconds=60)
        await until(lambda: not worker.lag, "nothing waits")
        assert worker.halted is None


async def test_a_watermark_outside_the_log_halts_with_a_sentence_until_a_person_goes_on(world):
    case, other = a_case(), a_case()
    world.send(case, 1, 2)
    async with world.service():
        await world.counted(case, 1, 2)
    world.send(case, 3, 4, 5)
    world.send(other, 1)
    await asyncio.to_thread(_cut, world, 4)

    async with world.service() as service:
        await until(
            lambda: any(worker.halted for worker in service.workers.values()), "the partition halts"
        )
        (sentence,) = (await service.health())["halted"]
        assert "the position 2 lies outside the log, which goes from 4 to 6" in sentence
        assert await world.numbers(other) == []

        for worker in service.workers.values():
            assert await worker.accept_gap() == 4
        await world.counted(other, 1)
        assert await world.numbers(case) == [1, 2], "the case waits for what is gone"
        source = source_of(world.topic)
        with pytest.raises(Rejected):
            await service.parking_lot.accept_gap(
                str(case), source=source, mark=1, reason="seen too early"
            )
        for _ in range(2):
            await service.parking_lot.accept_gap(
                str(case), source=source, mark=2, reason="lost with the broker's disk"
            )
        await world.counted(case, 1, 2, 5)


async def test_a_new_reader_of_a_log_without_its_beginning_halts(world):
    world.send(a_case(), 1, 2, 3)
    await asyncio.to_thread(_cut, world, 2)

    async with world.service() as service:
        await until(
            lambda: any(worker.halted for worker in service.workers.values()), "the partition halts"
        )
        (sentence,) = (await service.health())["halted"]
        assert "the log starts at 2" in sentence

    assert await world.db.effects.count_documents({}) == 0


def _cut(world, offset):
    cut = world.admin.delete_records([TopicPartition(world.topic, 0, offset)])
    for done in cut.values():
        done.result(10)


async def test_a_topic_that_is_removed_and_made_again_is_read_from_its_start(world):
    first, second = a_case(), a_case()

    async with world.service():
        world.send(first, 1, 2, 3)
        await world.counted(first, 1, 2, 3)
        await world.remove_topic(world.topic)
        await until(lambda: _is_gone(world), "the broker forgot it")
        await world.make_topic(world.topic)
        world.send(second, *range(1, 11))
        await world.counted(second, *range(1, 11), seconds=40)
        world.send(first, 4)
        await world.counted(first, 1, 2, 3, 4)


async def test_a_topic_that_is_made_again_at_once_is_read_from_its_start_too(world):
    """It is there again before anybody looked: only its id shows it."""
    first, second = a_case(), a_case()

    async with world.service():
        world.send(first, 1, 2, 3)
        await world.counted(first, 1, 2, 3)
        await world.remove_topic(world.topic)
        await world.make_topic(world.topic)
        world.send(second, *range(1, 11))
        await world.counted(second, *range(1, 11), seconds=40)


async def _is_gone(world):
    return world.topic not in (await asyncio.to_thread(world.admin.list_topics, timeout=5)).topics
