"""What is parked, as an operator sees and resolves it, while events keep coming."""

import asyncio

import pytest

from shared.contracts import source_of
from shared.contracts.envelope import Envelope
from shared.engine import Message
from shared.engine.parking.queries import cause_id
from shared.staff.audit import Why
from tests.edge.engine_world import a_case, an_engine_world, until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


async def _stands(service, count):
    async def look():
        return await service.parking_lot.count() == count

    await until(look, f"{count} events are parked")


async def test_what_is_parked_is_listed_by_cause_with_its_cases_and_what_waits_behind(world):
    broken, refused = [a_case() for _ in range(3)], a_case()

    async with world.service() as service:
        for case in broken:
            world.send(case, 1, does="fail")
            world.send(case, 2, 3)
        world.send(refused, 1, does="reject")
        await _stands(service, 4)
        await until(lambda: _parked(world, 10), "what comes later waits behind")

        causes = {each["why"]: each for each in await service.parking_lot.queries.causes()}
        (bug,) = (why for why in causes if "ZeroDivisionError" in why)
        rows = await service.parking_lot.queries.rows(cause=causes[bug]["cause"])

    assert causes.keys() == {bug, "this can never be"}
    assert (causes[bug]["count"], causes[bug]["cases"]) == (3, 3)
    assert causes[bug]["oldest"] <= causes[bug]["newest"]
    assert {(row["case_id"], row["behind"]) for row in rows} == {(str(case), 2) for case in broken}
    assert not any({"value", "key", "headers"} & row.keys() for row in rows)
    assert "secret" not in str(causes)


async def test_a_rehearsal_reports_what_a_redrive_would_do_and_does_nothing(world):
    case = a_case()

    async with world.service() as service:
        world.send(case, 1, does="fail")
        world.send(case, 2, 3)
        await until(lambda: _parked(world, 3), "the case is parked")
        before = await world.parked()

        unfixed = await service.parking_lot.rehearse(str(case))
        world.behaviour.fixed = True
        fixed = await service.parking_lot.rehearse(str(case))

        assert (unfixed, fixed) == ((0, 3), (3, 0))
        assert await world.parked() == before
        assert await world.effects(case) == []
        assert await service.parking_lot.queries.log() == []
        assert await service.parking_lot.redrive_case(str(case)) == (3, 0)
    assert await world.numbers(case) == [1, 2, 3]


async def test_a_redrive_of_a_whole_cause_under_live_traffic_keeps_the_order_of_each_case(world):
    cases = [a_case() for _ in range(12)]
    sent = dict.fromkeys(cases, 2)
    ended = asyncio.Event()

    async def keep_sending():
        while not ended.is_set():
            for case in cases:
                sent[case] += 1
                world.send(case, sent[case])
            await asyncio.sleep(0.005)

    async with world.service() as service:
        for case in cases:
            world.send(case, 1, does="fail")
            world.send(case, 2)
        await _stands(service, len(cases))
        traffic = asyncio.create_task(keep_sending())
        try:
            world.behaviour.fixed = True
            for row in await service.parking_lot.queries.rows():
                await service.parking_lot.redrive(row["_id"], Why("operator:test", "fixed"))
        finally:
            ended.set()
            await traffic
        for case in cases:
            await world.counted(case, *range(1, sent[case] + 1))
        await world.settled()
        log = await service.parking_lot.queries.log()

    assert await world.parked() == []
    firsts = {}
    for each in await world.published():
        firsts.setdefault(each.case, {}).setdefault(each.sequence, each.number)
    for case in cases:
        assert list(firsts[str(case)].items()) == [(n, n) for n in range(1, sent[case] + 1)]
    assert {entry["case_id"] for entry in log} == {str(case) for case in cases}
    entries = {(e["who"], e["why"], e["action"], e["basis"], e["regime"]) for e in log}
    assert entries == {("operator:test", "fixed", "parked_redrive", "operation", "police_law")}


async def test_a_case_that_waits_in_vain_is_listed_with_what_is_missing(world):
    waits, parked, flows = a_case(), a_case(), a_case()

    async with world.service() as service:
        world.send(waits, 1, 5, 4)
        world.send(parked, 1, does="fail")
        world.send(parked, 2)
        world.send(flows, 1)
        await until(lambda: _parked(world, 4), "what waits is kept")

        assert await service.parking_lot.queries.gaps() == [], "not before a minute is over"
        (gap,) = await service.parking_lot.queries.gaps(late_s=0)

    assert (gap["case_id"], gap["source"]) == (str(waits), source_of(world.topic))
    assert (gap["mark"], gap["next"], gap["waiting"]) == (1, 4, 2)


async def test_two_operators_who_send_the_same_undeliverable_messages_again_send_them_once(world):
    envelope = Envelope(
        id="1", source=source_of(world.facts_topic), type="test.emitted.v1", subject="k"
    )
    message = Message(world.facts_topic, "k", envelope, b"{}").packed()
    row = {"_id": "outbox|1", "state": "undeliverable", "reason": "the topic is gone"}

    async with world.service() as service:
        rest = {"topic": world.facts_topic, "messages": [message], "at": service.store.clock()}
        await world.db.parked.insert_one({**row, **rest})
        tries = (service.parking_lot.redrive("outbox|1") for _ in range(4))
        ended = await asyncio.gather(*tries, return_exceptions=True)
        await world.settled()
        log = await service.parking_lot.queries.log()

    assert (1, 0) in ended
    assert len(await asyncio.to_thread(world.raw, world.facts_topic)) == 1
    assert [entry["what"] for entry in log] == ["outbox|1"]


async def _parked(world, count):
    return await world.db.parked.count_documents({}) == count


def test_a_cause_has_a_short_name_without_personal_data():
    assert cause_id("a sentence") == cause_id("a sentence") != cause_id("another")
    assert len(cause_id(None)) == 8
