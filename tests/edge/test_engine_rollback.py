"""A store that is restored to an earlier state: nothing lost, nothing published twice, order kept."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.commit import OffsetFetchRequest
from confluent_kafka import TopicPartition

from shared.engine.kafka.connection import Connection
from shared.errors import Rejected, Unavailable
from shared.staff.audit import Why
from tests.edge.engine_world import Emitted, a_case, an_engine_world, until

HOUR = timedelta(hours=1)

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


class Copy:
    """A database as it was at one moment, restored at another."""

    def __init__(self, world, documents):
        self._world = world
        self._documents = documents

    @classmethod
    async def of(cls, world):
        documents = {}
        async with world.client.start_session(snapshot=True) as session:
            for name in await world.db.list_collection_names():
                documents[name] = await world.db[name].find({}, session=session).to_list()
        return cls(world, documents)

    @property
    def taken_at(self):
        """When the store that was copied counted last."""
        (then,) = (each for each in self._documents["life"] if each["_id"] == "store")
        return then["at"]

    async def gets_old(self):
        """Wait until the service has seen that time has passed since."""
        (then,) = (each for each in self._documents["life"] if each["_id"] == "store")

        async def look():
            life = await self._world.db.life.find_one({"_id": "store"})
            return life["beat"] > then["beat"] + 4

        await until(look, "the store counts on")

    async def restore(self):
        names = await self._world.db.list_collection_names()

        async def replace(session):
            for name in names:
                await self._world.db[name].delete_many({}, session=session)
                if rows := self._documents.get(name):
                    await self._world.db[name].insert_many(rows, session=session)

        async with self._world.client.start_session() as session:
            await session.with_transaction(replace)


async def published_of(world, *cases):
    """Per case, what its topic holds in order: (sequence, number), without the bytes' repeats."""
    by_case = {str(case): [] for case in cases}
    seen = set()
    for each in await world.published():
        if each.case in by_case and each.bytes not in seen:
            seen.add(each.bytes)
            by_case[each.case].append((each.sequence, each.number))
    return [by_case[str(case)] for case in cases]


async def records_of(world, case):
    return [each.number for each in await world.published() if each.case == str(case)]


def straight(last):
    return [(number, number) for number in range(1, last + 1)]


async def test_after_a_restore_all_is_read_again_and_nothing_is_published_twice(world):
    old, new, later = [a_case() for _ in range(4)], a_case(), a_case()

    async with world.service():
        for case in old:
            world.send(case, 1, 2, 3)
        for case in old:
            await world.counted(case, 1, 2, 3)
        await world.settled()
        copy = await Copy.of(world)
        for case in [*old, new]:
            world.send(case, *range(4 if case is not new else 1, 9))
        for case in [*old, new]:
            await world.counted(case, *range(1, 9))
        await world.settled()
        await copy.gets_old()
    await copy.restore()
    assert await world.numbers(old[0]) == [1, 2, 3]

    async with world.service() as service:
        for case in [*old, new]:
            world.send(case, 9, 10)
        world.send(later, 1)
        for case in [*old, new]:
            await world.counted(case, *range(1, 11))
        await world.counted(later, 1)
        await world.settled()
        (found,) = await service.parking_lot.queries.log()

    assert await published_of(world, *old, new) == [straight(10)] * 5
    assert await records_of(world, new) == list(range(1, 11)), "no record occurs twice"
    assert await world.parked() == []
    assert found["action"] == "store_put_back"
    assert "28 facts of 5 cases unknown" in found["what"]


async def test_a_fact_that_only_the_topic_knows_stops_its_own_case_until_a_person_goes_on(world):
    staffed, other = a_case(), a_case()

    def decide(number):
        def decided(unit):
            unit.save("cases", unit.load("cases", str(staffed)))
            unit.emit(Emitted(case_id=staffed, number=number, on=world.facts_topic))

        return decided

    async with world.service() as service:
        for case in (staffed, other):
            world.send(case, 1)
            await world.counted(case, 1)
        await world.settled()
        copy = await Copy.of(world)
        world.send(staffed, 2)
        await world.counted(staffed, 1, 2)
        await service.store.act("staff", {"cases": [str(staffed)]}, decide(100))
        world.send(staffed, 3)
        world.send(other, 2, 3)
        await world.counted(staffed, 1, 2, 3)
        await world.counted(other, 1, 2, 3)
        await world.settled()
        await copy.gets_old()
    await copy.restore()

    async with world.service() as service:
        await world.counted(other, 1, 2, 3)
        await until(service.parking_lot.count, "the case is parked")
        (row,) = await world.parked(state="failed")
        assert row["sequence"] == 3
        assert "another fact was sent under the same number" in row["reason"]
        with pytest.raises(Rejected, match="another fact was sent"):
            await service.store.act("again", {"cases": [str(staffed)]}, decide(200))

        async def one_is_left():
            return len((await service.engine.rollback.review.state())["cases"]) == 1

        await until(one_is_left, "what is known again is forgotten")
        state = await service.engine.rollback.review.state()
        (case,) = state["cases"]
        assert (case["case_id"], state["put_back"]["facts"]) == (str(staffed), 5)
        assert [fact["sequence"] for fact in case["facts"]] == [3, 4]
        assert await service.parking_lot.redrive(row["_id"]) == (0, 1), "trying again does not help"

        go_on = service.engine.rollback.review.go_on
        with pytest.raises(Rejected, match="needs a reason"):
            await go_on(str(staffed), service.parking_lot, Why("operator:test", " "))
        assert await go_on(str(staffed), service.parking_lot, Why("operator:test", "seen")) == 2
        assert await world.parked() == [], "what was parked went on with it"
        await service.store.act("again", {"cases": [str(staffed)]}, decide(200))
        world.send(staffed, 4)
        await world.counted(staffed, 1, 2, 3, 4)
        await world.settled()
        assert (await service.engine.rollback.review.state())["cases"] == []
        log = await service.parking_lot.queries.log()

    expected = [[(1, 1), (2, 2), (3, 100), (4, 3), (5, 200), (6, 4)], straight(3)]
    assert await published_of(world, staffed, other) == expected
    assert "parked_go_on" in {entry["action"] for entry in log}


async def test_what_is_published_after_a_person_looked_has_a_number_above_all_that_was_published(
    world,
):
    case = a_case()

    def decide(number):
        def decided(unit):
            unit.save("cases", unit.load("cases", str(case)))
            unit.emit(Emitted(case_id=case, number=number, on=world.facts_topic))

        return decided

    async with world.service() as service:
        world.send(case, 1)
        await world.counted(case, 1)
        copy = await Copy.of(world)
        for number in (100, 101):
            await service.store.act(f"{number}", {"cases": [str(case)]}, decide(number))
        await world.settled()
    await copy.restore()

    async with world.service() as service:
        why = Why("operator:test", "seen")
        assert await service.engine.rollback.review.settle(service.parking_lot, why) == 1
        await service.store.act("200", {"cases": [str(case)]}, decide(200))
        world.send(case, 2)
        await world.counted(case, 1, 2)
        await world.settled()
        assert (await service.engine.rollback.review.state())["put_back"] is None

    assert await published_of(world, case) == [[(1, 1), (2, 100), (3, 101), (4, 200), (5, 2)]]


async def test_a_deadline_that_had_fired_is_not_published_again_though_staff_acted_before_it_fires_anew(
    world,
):
    case = a_case()

    def decide(number):
        def decided(unit):
            unit.save("cases", unit.load("cases", str(case)))
            unit.emit(Emitted(case_id=case, number=number, on=world.facts_topic))

        return decided

    async def act(service, number):
        await service.store.act(f"{number}", {"cases": [str(case)]}, decide(number))

    async with world.service() as service:
        world.send(case, 1, does="second", at=datetime.now(UTC) + HOUR)
        await world.counted(case, 1)
        copy = await Copy.of(world)
        await act(service, 100)
        await time_passes(world)
        await until(lambda: fires(world), "it has fired")
        await world.settled()
    await copy.restore()

    async with world.service() as service:
        await time_passes(world)
        await until(lambda: fires_not(world), "it differs from what was published")
        await world.db.due.update_many({}, {"$set": {"look_at": datetime.now(UTC) + HOUR}})
        await world.db.due.update_many({}, {"$unset": {"waits": ""}})
        go_on = service.engine.rollback.review.go_on
        assert await go_on(str(case), service.parking_lot, Why("operator:test", "seen")) == 2
        await act(service, 200)
        await service.engine.rollback.sweep()
        await time_passes(world)
        await until(lambda: fires(world), "it has fired again")
        await service.engine.rollback.sweep()
        assert await world.db.told_before.count_documents({}) == 0
        world.send(case, 2)
        await until_counted(world, case, 1, 2)
        await world.settled()

    assert await published_of(world, case) == [[(1, 1), (2, 100), (3, 1), (4, 200), (5, 2)]]


async def test_a_deadline_that_had_fired_before_what_parked_its_case_is_not_published_again(world):
    case = a_case()

    async with world.service():
        world.send(case, 1, does="second", at=datetime.now(UTC) + HOUR)
        await world.counted(case, 1)
        copy = await Copy.of(world)
        await time_passes(world)
        await until(lambda: fires(world), "it has fired")
        world.send(case, 2)
        await until_counted(world, case, 1, 2)
        await world.settled()
    await copy.restore()

    async with world.service() as service:
        await until(service.parking_lot.count, "the case is parked")
        await time_passes(world)
        go_on = service.engine.rollback.review.go_on
        assert await go_on(str(case), service.parking_lot, Why("operator:test", "seen")) == 2
        await until(lambda: fires(world), "it has fired again")
        await world.settled()
        assert await world.parked() == []

    assert await published_of(world, case) == [[(1, 1), (2, 1), (3, 2)]]


async def time_passes(world):
    """Let all deadlines have passed."""
    ago = datetime.now(UTC) - HOUR
    await world.db.due.update_many({}, {"$set": {"due_at": ago, "look_at": ago}})


async def fires(world):
    return await world.db.due.count_documents({}) == 0


async def fires_not(world):
    return await world.db.due.count_documents({"waits": {"$regex": "another fact was sent"}}) == 1


async def until_counted(world, case, *numbers):
    """Wait until the case took these in; that deadlines fired is no number."""

    async def look():
        return await world.numbers(case) == list(numbers)

    await until(look, f"{case} took in {numbers}", was=world.db)


async def test_a_store_that_is_restored_under_a_running_service_is_noticed(world):
    cases = [a_case() for _ in range(5)]

    async with world.service() as service:
        for case in cases:
            world.send(case, 1, 2)
        for case in cases:
            await world.counted(case, 1, 2)
        await world.settled()
        copy = await Copy.of(world)
        for case in cases:
            world.send(case, 3, 4, 5)
        for case in cases:
            await world.counted(case, *range(1, 6))
        await world.settled()

        await copy.gets_old()
        await copy.restore()
        await until(lambda: _is_restored(world), "it is noticed", seconds=30)
        life = await world.db.life.find_one({"_id": "store"})
        assert life["put_back"]["from"] == copy.taken_at
        for case in cases:
            world.send(case, 6)
        for case in cases:
            await world.counted(case, *range(1, 7))
        await world.settled()
        assert service.store.rollback.closed is None

    for published in await published_of(world, *cases):
        assert dict(published) == dict(straight(6))
    assert await world.parked() == []


async def test_what_is_decided_on_a_store_before_its_rollback_is_noticed_hides_nothing(world):
    staffed, *cases = [a_case() for _ in range(5)]

    def decide(unit):
        unit.save("cases", unit.load("cases", str(staffed)))
        unit.emit(Emitted(case_id=staffed, number=100, on=world.facts_topic))

    async with world.service() as service:
        for case in (staffed, *cases):
            world.send(case, 1)
            await world.counted(case, 1)
        copy = await Copy.of(world)
        await service.store.act("staff", {"cases": [str(staffed)]}, decide)
        for case in cases:
            world.send(case, 2, 3)
            await world.counted(case, 1, 2, 3)
        await world.settled()
        await copy.gets_old()

        await copy.restore()
        for number in range(4, 8):  # at once: each worker finds its watermark elsewhere
            for case in cases:
                world.send(case, number)
        world.send(staffed, 2)
        await until(lambda: _is_restored(world), "it is noticed", seconds=30)
        for case in cases:
            await world.counted(case, *range(1, 8))
        await until(service.parking_lot.count, "the case is parked")
        await world.settled()
        (unknown,) = (await service.engine.rollback.review.state())["cases"]
        assert unknown["case_id"] == str(staffed)

    assert await published_of(world, staffed, *cases) == [[(1, 1), (2, 100)], *[straight(7)] * 4]


async def _is_restored(world):
    life = await world.db.life.find_one({"_id": "store"})
    return life is not None and "put_back" in life


async def test_a_service_whose_store_is_gone_takes_all_in_again_and_publishes_nothing_twice(world):
    cases = [a_case() for _ in range(3)]

    async with world.service():
        for case in cases:
            world.send(case, *range(1, 6))
        for case in cases:
            await world.counted(case, *range(1, 6))
        await world.settled()
    await Copy(world, {}).restore()

    async with world.service():
        world.send(cases[0], 6)
        await world.counted(cases[0], *range(1, 7))
        for case in cases[1:]:
            await world.counted(case, *range(1, 6))
        await world.settled()

    assert await records_of(world, cases[0]) == [1, 2, 3, 4, 5, 6]
    assert await records_of(world, cases[1]) == [1, 2, 3, 4, 5]


async def test_what_the_log_has_lost_since_is_reported_and_stops_until_a_person_goes_on(world):
    case, other = a_case(), a_case()

    async with world.service():
        world.send(case, 1, 2)
        await world.counted(case, 1, 2)
        await world.settled()
        copy = await Copy.of(world)
        world.send(case, 3, 4, 5)
        await world.counted(case, *range(1, 6))
        await world.settled()
    world.send(other, 1)
    await asyncio.to_thread(_cut, world, 4)
    await copy.restore()

    async with world.service() as service:
        (worker,) = service.workers.values()
        await until(lambda: worker.halted, "the partition halts")
        assert "the 2 events from 2 to 3 are gone" in worker.halted.reason
        assert await world.numbers(other) == []
        with pytest.raises(Rejected, match="4 events that came since are not read again yet"):
            await service.engine.rollback.review.go_on(
                str(case), service.parking_lot, Why("operator", "early")
            )
        await worker.accept_gap()
        await world.counted(other, 1)
        (gap,) = await service.parking_lot.queries.gaps(late_s=0)
        assert (gap["case_id"], gap["mark"], gap["next"]) == (str(case), 2, 5)
        accepted = {"source": gap["source"], "mark": 2, "reason": "lost with the log"}
        assert await service.parking_lot.accept_gap(str(case), **accepted) == (0, 1)
        go_on = service.engine.rollback.review.go_on
        assert await go_on(str(case), service.parking_lot, Why("operator:test", "lost")) == 3
        world.send(case, 6)
        await world.counted(case, 1, 2, 5, 6)
        await world.settled()

    assert await published_of(world, case) == [straight(6)]


def _cut(world, offset):
    cut = world.admin.delete_records([TopicPartition(world.topic, 0, offset)])
    for done in cut.values():
        done.result(10)


async def test_an_orderly_end_a_kill_and_a_start_are_no_restore(world):
    case = a_case()
    for number in range(1, 4):
        world.send(case, number)
        async with world.process() as process:
            await world.counted(case, *range(1, number + 1))
            process.kill()
            await process.wait()
    async with world.service() as service:
        world.send(case, 4)
        await world.counted(case, 1, 2, 3, 4)
        await world.settled()
        assert await service.parking_lot.queries.log() == []
        assert await service.engine.rollback.review.state() == {"put_back": None, "cases": []}

    assert await published_of(world, case) == [straight(4)]


async def test_facts_that_nobody_here_knows_of_hold_up_no_start(world):
    case, unknown = a_case(), a_case()
    world.post(unknown, 7, topic=world.facts_topic)
    world.flush()

    for number in (1, 2):
        world.send(case, number)
        async with world.service() as service:
            await world.counted(case, *range(1, number + 1))
            state = await service.engine.rollback.review.state()
    assert state["put_back"] is None
    assert [each["case_id"] for each in state["cases"]] == [str(unknown)]


async def test_a_coordinator_that_does_not_know_yet_is_not_taken_for_one_that_was_shown_nothing(
    world, monkeypatch
):
    send = AIOKafkaClient.send

    async def loading(self, node, request, **more):
        if isinstance(request, OffsetFetchRequest):
            return SimpleNamespace(error_code=14, topics=[])
        return await send(self, node, request, **more)

    connection = Connection(properties=world.login)
    assert await connection.shown([world.name], "beat=") == 0
    monkeypatch.setattr(AIOKafkaClient, "send", loading)
    with pytest.raises(Unavailable):
        await connection.shown([world.name], "beat=")
