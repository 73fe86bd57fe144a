"""Attacks on the order of a case and on the once of an effect, through a real broker."""

import asyncio
import time

import pytest

from tests.edge.engine_world import a_case, an_engine_world, until

# a process that ends while its relay connects leaves the connection to the kernel
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


async def test_a_fact_that_is_repeated_at_new_offsets_has_one_effect(world):
    case = a_case()
    world.send(case, 1, 1, 2, 1, 2, 3, 3, 2, 1)

    async with world.service():
        await world.counted(case, 1, 2, 3)
        world.send(case, 2, 3, 4)
        await world.counted(case, 1, 2, 3, 4)
        await world.settled()

    published = await world.published()
    assert [(each.sequence, each.number) for each in published] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert await world.parked() == []


async def test_facts_that_arrive_out_of_order_have_their_effects_in_order(world):
    case = a_case()
    world.send(case, 4, 2, 6, 1, 5, 3)

    async with world.service():
        await world.counted(case, 1, 2, 3, 4, 5, 6)

    assert await world.parked() == []


async def test_a_gap_waits_in_the_database_while_the_partition_flows_on(world):
    case, other = a_case(), a_case()

    async with world.service() as service:
        world.send(case, 3)
        world.send(case, 2)
        world.send(other, 1)
        await world.counted(other, 1)
        assert await world.numbers(case) == []
        assert {row["state"] for row in await world.parked()} == {"waiting"}
        assert (await service.health())["parked"] == 0, "waiting is nothing for a person"

        world.send(case, 1)
        await world.counted(case, 1, 2, 3)

    assert await world.parked() == []


async def test_a_gap_outlives_the_process(world):
    case = a_case()
    async with world.service():
        world.send(case, 2, 3)
        await until(lambda: world.db.parked.count_documents({}), "the facts wait")

    async with world.service():
        world.send(case, 1)
        await world.counted(case, 1, 2, 3)


async def test_a_fact_of_an_unknown_type_moves_the_mark(world):
    case = a_case()
    world.send(case, 1)
    world.send(case, 2, type_="test.invented_later.v1")
    world.send(case, 3)

    async with world.service():
        await world.counted(case, 1, 3)

    document = await world.db.cases.find_one({"_id": str(case)})
    assert list(document["protocol"]["marks"].values()) == [3]


POISON = {
    "fail": "failed with ZeroDivisionError",
    "reject": "this can never be",
    "emit too much": "exceeds what",
    "write what cannot be stored": "cannot be written",
    "need badly": "failed with KeyError",
    "take a taken id": "",
}


@pytest.mark.parametrize("poison", POISON)
async def test_what_can_never_succeed_stops_its_own_case_only(world, poison):
    case, others = a_case(), [a_case() for _ in range(5)]
    await world.db.effects.insert_one({"_id": "taken"})
    world.send(case, 1)
    world.send(others[0], 1)
    world.send(case, 2, does=poison)
    world.send(case, 3)
    for other in others[1:]:
        world.send(other, 1)

    async with world.service() as service:
        for other in others:
            await world.counted(other, 1)
        await world.counted(case, 1)
        await until(lambda: world.db.parked.count_documents({"state": "failed"}), "it is parked")
        assert (await service.health())["parked"] == 1

    failed, waiting = sorted(await world.parked(), key=lambda row: row["sequence"])
    assert (failed["state"], failed["sequence"]) == ("failed", 2)
    assert POISON[poison] in failed["reason"]
    assert "secret" not in failed["reason"]
    assert (waiting["state"], waiting["sequence"]) == ("waiting", 3)
    assert {"topic", "partition", "offset", "key", "value", "headers"} <= failed.keys()


async def test_a_poison_fact_does_not_hold_up_the_rest_of_its_partition(world):
    async with world.service():
        world.send(a_case(), 1, does="fail")
        started, other = time.monotonic(), a_case()
        world.send(other, 1)
        await world.counted(other, 1)

    assert time.monotonic() - started < 5.0


async def test_a_failed_attempt_leaves_no_trace_even_of_what_it_changed_in_place(world):
    case = a_case()
    world.send(case, 1)
    world.send(case, 2, does="change and fail")

    async with world.service() as service:
        await until(lambda: world.db.parked.count_documents({"state": "failed"}), "it is parked")
        await world.counted(case, 1)
        assert "trace" not in await world.db.cases.find_one({"_id": str(case)})

        world.behaviour.fixed = True
        assert await service.parking_lot.redrive_case(str(case)) == (1, 0)
        await world.counted(case, 1, 2)
        await world.settled()

    assert [each.number for each in await world.published()] == [1, 2]


async def test_a_redrive_applies_what_waited_in_order_while_facts_keep_coming(world):
    case = a_case()
    world.send(case, 1, 2)
    world.send(case, 3, does="fail")
    world.send(case, 4, 5)

    async with world.service() as service:
        await until(lambda: world.db.parked.count_documents({"state": "failed"}), "it is parked")
        (failed,) = await world.parked(state="failed")
        assert await service.parking_lot.redrive_case(str(case)) == (0, 3), "not fixed yet"

        async def traffic():
            for number in range(6, 60):
                await asyncio.to_thread(world.send, case, number)

        going = asyncio.create_task(traffic())
        await asyncio.sleep(0.05)
        world.behaviour.fixed = True
        done, _ = await service.parking_lot.redrive(failed["_id"])
        await going
        await world.counted(case, *range(1, 60))
        await world.settled()

    assert done >= 3
    assert [each.number for each in await world.published()] == list(range(1, 60))
    assert await world.parked() == []


async def test_a_discard_goes_on_with_what_waited_and_keeps_its_reason(world):
    case = a_case()
    world.send(case, 1)
    world.send(case, 2, does="reject")
    world.send(case, 3, 4)

    async with world.service() as service:
        await until(lambda: world.db.parked.count_documents({"state": "failed"}), "it is parked")
        (failed,) = await world.parked(state="failed")
        await service.parking_lot.discard(failed["_id"], "it was never ours")
        await world.counted(case, 1, 3, 4)
        world.send(case, 2, 5)
        await world.counted(case, 1, 3, 4, 5)

    assert await world.parked() == []
    assert await world.db.audit.count_documents({"why": "it was never ours"}) == 1


async def test_a_repeat_of_a_parked_fact_does_not_hide_that_it_failed(world):
    case, other = a_case(), a_case()
    world.send(case, 1, does="reject")

    async with world.service() as service:
        await until(lambda: world.db.parked.count_documents({"state": "failed"}), "it is parked")
        world.send(case, 1, does="reject")
        world.send(other, 1)
        await world.counted(other, 1)

        (row,) = await world.parked()
        assert (row["state"], row["reason"]) == ("failed", "this can never be")
        await service.parking_lot.discard(row["_id"], "it was never ours")

    assert await world.parked() == []


async def test_a_parked_case_of_two_streams_goes_on_in_both(world):
    second = f"{world.name}.more"
    await world.make_topic(second)
    case = a_case()
    world.send(case, 1, does="fail")
    world.send(case, 2)

    async with world.service(world.topic, second) as service:
        await until(lambda: world.db.parked.count_documents({"state": "failed"}), "it is parked")
        world.send(case, 1, 2, topic=second)
        await until(lambda: _parked(world, 4), "four facts are parked")
        world.behaviour.fixed = True
        await service.parking_lot.redrive_case(str(case))

        assert sorted(await world.effects(case)) == [1, 1, 2, 2]
    assert await world.parked() == []


async def _parked(world, count):
    return await world.db.parked.count_documents({}) == count


async def test_a_drain_that_stopped_for_size_goes_on_by_itself(world):
    case, count = a_case(), 1_300
    world.send(case, *range(2, count + 1))

    async with world.service():
        await until(lambda: _parked(world, count - 1), "all but the first wait")
        world.send(case, 1)
        await world.counted(case, *range(1, count + 1))

    assert await world.parked() == []


async def test_the_sweeper_reaches_a_case_behind_many_that_really_wait(world):
    stuck = [a_case(number) for number in range(1, 121)]
    case = a_case(10_000)

    async with world.service() as service:
        for each in stuck:
            world.send(each, 2)
        world.send(case, *range(2, 600))
        await until(lambda: _parked(world, 120 + 598), "all of them wait")
        world.send(case, 1)
        await world.counted(case, *range(1, 600))
        assert await service.parking_lot.count() == 0


async def test_an_envelope_that_cannot_be_placed_is_kept_by_position(world):
    case = a_case()
    world.put(world.topic, "k", b"{}", [("ce_id", b"1")])
    world.put(world.topic, None, None, [])
    world.put(world.topic, str(case), b"not json", [("ce_sequence", None)])
    world.flush()
    world.send(case, 1)

    async with world.service() as service:
        await world.counted(case, 1)
        assert (await service.health())["parked"] == 3

    rows = await world.parked()
    assert [row["offset"] for row in rows] == [0, 1, 2]
    assert {row["state"] for row in rows} == {"unreadable"}
    assert rows[2]["value"] == b"not json"
