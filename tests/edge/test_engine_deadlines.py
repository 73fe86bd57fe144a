"""Deadlines: set with what they are about, fired once by the owner, on mongod's clock."""

import asyncio
import signal
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from pymongo import AsyncMongoClient

from shared.crash_points import POINTS
from shared.engine import Store
from shared.engine.timers.scheduler import Scheduler
from shared.engine.timers.timers import Timer
from shared.errors import Fenced
from tests.edge.engine_world import NAMES, Behaviour, a_case, an_engine_world, until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

INTERRUPTED = 11601
WRITE_CONCERN_FAILED = {"code": 64, "errmsg": "waiting for replication timed out"}
HOUR = timedelta(hours=1)
SECONDS = 60.0
CRASHES = [point for point in POINTS if point.startswith("ticker.")]


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


@pytest.fixture
async def scheduler_of(world, kafka_and_mongo):
    """Makes the scheduler of one process more, whose own clock may go wrong."""
    clients = []

    def make(name, *, clock_is_off_by=timedelta(0)):
        client = AsyncMongoClient(kafka_and_mongo.mongo("admin"), tz_aware=True, appname=name)
        clients.append(client)
        clock = lambda: datetime.now(UTC) + clock_is_off_by  # noqa: E731 - the shape of Store's
        store = Store(client, world.name, cases="cases", clock=clock)
        return Scheduler(store, Behaviour(world.facts_topic).deadlines(), holder=name)

    yield make
    for client in clients:
        await client.close()


async def now(world):
    """What time it is to mongod."""
    hello = await world.client.admin.command("hello")
    return hello["localTime"].replace(tzinfo=UTC)


async def reminded(world, case):
    """The deadlines that have fired by the case's own document, in that order."""
    document = await world.db.cases.find_one({"_id": str(case)})
    return [each["name"] for each in (document or {}).get("reminded", [])]


async def due(world, case=None):
    rows = world.db.due.find({} if case is None else {"case_id": str(case)}).sort("due_at", 1)
    return [row["name"] async for row in rows]


async def fired_once(world, cases, *names):
    """Wait until every case has fired these deadlines in this order, each once, and published it once."""

    ids = set(map(str, cases))

    async def none_is_due():
        return await world.db.due.count_documents({"case_id": {"$in": list(ids)}}) == 0

    await until(none_is_due, "all that is due has fired", seconds=SECONDS, was=world.db)
    assert [await reminded(world, case) for case in cases] == [list(names)] * len(cases)
    await world.settled()
    for case in ids:
        assert await world.effects(case) == sorted(names), case
    published = {(each.case, each.sequence): each.number for each in await world.published()}
    heard = sorted((case, NAMES[number]) for (case, _), number in published.items() if case in ids)
    assert heard == sorted((case, name) for case in ids for name in names)


async def set_passed(world, cases, *names, ago=timedelta(seconds=5)):
    """Let cases be there whose deadlines passed some time ago, without any fact."""
    at = await now(world) - ago
    passed = {name: at + timedelta(seconds=place) for place, name in enumerate(names)}
    document = {"version": 1, "protocol": {}, "numbers": [], "due": passed}
    await world.db.cases.insert_many([{"_id": str(case), **document} for case in cases])
    rows = [
        Timer(name, str(case), str(case), at).as_document()
        for case in cases
        for name, at in passed.items()
    ]
    await world.db.due.insert_many(rows)


# Set, moved and cancelled with the case


async def test_a_deadline_that_passes_fires_once_however_often_what_set_it_is_repeated(world):
    case = a_case()

    async with world.service():
        at = await now(world) + timedelta(seconds=2)
        for _ in range(3):
            world.send(case, 1, does="first", at=at)
        await until(lambda: _has(world, case, "first"), "it has fired", seconds=SECONDS)
        world.send(case, 1, does="first", at=at)
        world.send(case, 2)
        await until(lambda: _counts(world, case, [1, 2]), "the next fact has its effect")
        await world.settled()

    document = await world.db.cases.find_one({"_id": str(case)})
    [fired] = document["reminded"]
    assert fired["due_at"] == at
    assert fired["at"] >= fired["due_at"]
    assert await due(world, case) == []


async def _has(world, case, *names):
    return await reminded(world, case) == list(names)


async def _counts(world, case, numbers):
    return await world.numbers(case) == numbers


async def test_a_case_that_is_closed_or_gets_a_new_date_does_not_fire_the_old_one(world):
    closed, moved, moved_up = (a_case() for _ in range(3))

    async with world.service():
        now_ = await now(world)
        for case in (closed, moved, moved_up):
            world.send(case, 1, does="first", at=now_ + HOUR)
        world.send(closed, 2, does="close")
        world.send(moved, 2, does="first", at=now_ + 2 * HOUR)
        world.send(moved_up, 2, does="first", at=now_)
        for case in (closed, moved):
            await until(lambda case=case: _counts(world, case, [1, 2]), "both facts are in")
        await until(lambda: _has(world, moved_up, "first"), "it has fired", seconds=SECONDS)

    assert await reminded(world, closed) == await reminded(world, moved) == []
    [row] = await world.db.due.find().to_list()
    assert (row["subject"], row["due_at"]) == (str(moved), now_ + 2 * HOUR)


async def test_a_step_whose_commit_fails_sets_no_deadline(world):
    case = a_case()

    async with world.service() as service:
        at = await now(world) + HOUR
        async with world.failing("commitTransaction", errorCode=INTERRUPTED):
            world.send(case, 1, does="first", at=at)
            await until(lambda: _is_blocked(service), "it was tried in vain", seconds=SECONDS)
            assert await due(world) == []
            assert await world.numbers(case) == []
        await world.counted(case, 1, seconds=SECONDS)

    assert await due(world, case) == ["first"]


async def _is_blocked(service):
    return (await service.health())["halted"] != []


async def test_what_staff_cancel_or_move_at_the_last_moment_never_fires_after_that(world):
    cases = [a_case() for _ in range(120)]
    later = await now(world) + 10 * HOUR

    def act(case, *, does):
        def decide(unit):
            document = unit.load("cases", str(case))
            if document.get("reminded"):
                return "too late"
            unit.timers.append((f"{case}|first", None))
            left = {} if does == "cancel" else {"first": later}
            if left:
                unit.timers.append(
                    (f"{case}|first", Timer("first", str(case), str(case), later).as_document())
                )
            unit.save("cases", document | {"due": left, "acted": does})
            return does

        return decide

    async with world.service() as one, world.service(instance="two"):
        await set_passed(world, cases, "first")
        outcomes = {}
        for place, case in enumerate(reversed(cases)):
            decide = act(case, does="cancel" if place % 2 else "move")
            outcomes[case] = await one.store.act(f"act-{case}", {"cases": [str(case)]}, decide)

        async def settled():
            passed = {"due_at": {"$lt": later - HOUR}}
            return await world.db.due.count_documents(passed) == 0

        await until(settled, "nothing is overdue", seconds=SECONDS)
        await world.settled()

    for case, outcome in outcomes.items():
        assert await reminded(world, case) == (["first"] if outcome == "too late" else [])
        assert len(await world.effects(case)) == (outcome == "too late")
        assert await due(world, case) == (["first"] if outcome == "move" else [])


# Once, whichever process dies


@pytest.mark.parametrize("point", CRASHES)
async def test_a_scheduler_that_is_killed_leaves_each_deadline_to_fire_once(world, point):
    cases = [a_case() for _ in range(30)]
    await set_passed(world, cases, "first", "second")

    async with world.process(instance="one", crash=f"{point}:1") as process:
        assert await asyncio.wait_for(process.wait(), SECONDS) == -signal.SIGKILL
    async with world.service(instance="one"):
        await fired_once(world, cases, "first", "second")

    assert await due(world) == []


async def test_two_schedulers_side_by_side_fire_each_deadline_once(world):
    cases = [a_case() for _ in range(300)]

    async with world.service(instance="one"), world.service(instance="two"):
        await set_passed(world, cases, "first", "second")
        await fired_once(world, cases, "first", "second")


async def test_an_owner_that_was_suspended_writes_nothing_when_it_wakes(world):
    cases = [a_case() for _ in range(30)]
    await set_passed(world, cases, "first")

    group = f"{world.name}.zombie"  # that of the heir waits for no suspended member
    stops = "ticker.before_commit:1:stop"
    async with world.process(instance="zombie", group=group, crash=stops) as zombie:
        stands = psutil.Process(zombie.pid)
        await until(
            lambda: stands.status() == psutil.STATUS_STOPPED, "it is suspended", seconds=SECONDS
        )
        async with world.service(instance="heir"):
            await fired_once(world, cases, "first")
            zombie.send_signal(signal.SIGCONT)
            more = [a_case() for _ in range(30)]
            await set_passed(world, more, "first")
            await fired_once(world, [*cases, *more], "first")


async def test_an_owner_whose_lease_was_taken_over_is_fenced(world, scheduler_of):
    case = a_case()
    first, heir = scheduler_of("first"), scheduler_of("heir")
    await until(first.owns, "the first scheduler is the owner")
    has_run_out = {"$set": {"until": datetime(2026, 1, 1, tzinfo=UTC)}}
    await world.db.leases.update_one({"_id": "ticker"}, has_run_out)
    await until(heir.owns, "the heir is the owner")
    await set_passed(world, [case], "first")

    assert await first.owns(), "it has not looked again"
    with pytest.raises(Fenced):
        await first.fire()
    assert await reminded(world, case) == []
    await heir.fire()
    assert await reminded(world, case) == ["first"]


@pytest.mark.parametrize(
    "fails",
    [
        {"writeConcernError": WRITE_CONCERN_FAILED},
        {"errorCode": INTERRUPTED},
    ],
    ids=["nobody knows of it", "it is refused"],
)
async def test_a_commit_that_fails_fires_nothing_twice(world, fails):
    cases = [a_case() for _ in range(20)]

    async with world.service(), world.failing("commitTransaction", mode={"times": 3}, **fails):
        await set_passed(world, cases, "first", "second")
        await fired_once(world, cases, "first", "second")


# Time


@pytest.mark.parametrize("off_by", [3 * HOUR, -3 * HOUR], ids=["fast", "slow"])
async def test_the_stores_clock_counts_and_not_the_processs(world, scheduler_of, off_by):
    passed, coming = a_case(), a_case()
    await set_passed(world, [passed], "first")
    in_an_hour = Timer("first", str(coming), str(coming), await now(world) + HOUR)
    await world.db.due.insert_one(in_an_hour.as_document())
    await world.db.cases.insert_one({"_id": str(coming), "version": 1, "numbers": []})
    scheduler = scheduler_of("one", clock_is_off_by=off_by)
    await until(scheduler.owns, "it is the owner")

    await scheduler.fire()

    assert (await reminded(world, passed), await reminded(world, coming)) == (["first"], [])
    [fired] = (await world.db.cases.find_one({"_id": str(passed)}))["reminded"]
    assert abs(fired["at"] - await now(world)) < HOUR, "the rule saw the store's time"
    assert await due(world) == ["first"]


async def test_a_service_that_was_away_for_days_fires_each_once_and_in_order(world):
    cases = [a_case() for _ in range(40)]
    for place, case in enumerate(cases):
        passed = {
            name: await now(world) - timedelta(days=days, minutes=place)
            for name, days in (("third", 2), ("first", 3), ("second", 1))
        }
        document = {"version": 1, "protocol": {}, "numbers": [], "due": passed}
        await world.db.cases.insert_one({"_id": str(case), **document})
        rows = [Timer(name, str(case), str(case), at) for name, at in passed.items()]
        await world.db.due.insert_many([row.as_document() for row in rows])

    async with world.service():
        await fired_once(world, cases, "first", "third", "second")

    published = [each for each in await world.published() if each.case in set(map(str, cases))]
    assert [each.case for each in published if NAMES[each.number] == "first"] == [
        str(case) for case in reversed(cases)
    ], "the oldest first, over all cases"


# What cannot fire yet


async def test_a_deadline_that_passes_while_its_case_is_parked_waits_for_the_case(world):
    parked, other = a_case(), a_case()

    async with world.service() as service:
        at = await now(world) + HOUR
        for case in (parked, other):
            world.send(case, 1, does="second", at=at)
        world.send(parked, 2, does="fail")
        await until(lambda: world.db.parked.count_documents({"state": "failed"}), "it is parked")
        await until(lambda: _counts(world, other, [1]), "the other is in")
        has_passed = {"due_at": at - 10 * HOUR, "look_at": at - 10 * HOUR}
        await world.db.due.update_many({}, {"$set": has_passed})
        await until(lambda: _has(world, other, "second"), "the other fires", seconds=SECONDS)
        await until(lambda: _is_waiting(world, parked), "it is put off", seconds=SECONDS)
        assert await reminded(world, parked) == []

        world.behaviour.fixed = True
        assert await service.parking_lot.redrive_case(str(parked)) == (1, 0)
        at_once = "it fires at once, and not when it would have been looked at again"
        await until(lambda: _has(world, parked, "second"), at_once, seconds=SECONDS / 2)

    assert await due(world) == []


async def _is_waiting(world, case):
    row = await world.db.due.find_one({"case_id": str(case)})
    assert row is not None, "it is still set"
    return row.get("waits") == "its case is parked" and row["look_at"] > row["due_at"]


@pytest.mark.parametrize("bad", ["fails", "cannot be stored", "takes a taken id"])
async def test_a_deadline_that_fails_blocks_its_own_case_only_and_fires_once_fixed(world, bad):
    cases, broken = [a_case() for _ in range(10)], a_case()
    await world.db.effects.insert_one({"_id": "taken", "case_id": "nobody"})

    async with world.service():
        await set_passed(world, cases[:5], "first")
        await set_passed(world, [broken], bad, "second")
        await set_passed(world, cases[5:], "first")
        await fired_once(world, cases, "first")
        assert await reminded(world, broken) == []
        assert await due(world) == [bad, "second"]
        [row, _] = await world.db.due.find().sort("due_at", 1).to_list()
        assert "secret" not in row["waits"]

        world.behaviour.fixed = True
        await fired_once(world, [broken], bad, "second")

    assert await due(world) == []


async def test_a_deadline_that_this_code_does_not_know_waits_for_code_that_does(world):
    case = a_case()
    await set_passed(world, [case], "first")
    row = Timer("from the future", str(case), str(case), await now(world) - HOUR).as_document()
    await world.db.due.insert_one({**row, "case_id": str(a_case())})

    async with world.service():
        await fired_once(world, [case], "first")

    assert await due(world) == ["from the future"]


# Many at once


async def test_ten_thousand_at_once_are_taken_in_batches_and_the_partition_goes_on(world):
    cases, busy = [a_case() for _ in range(10_000)], [a_case() for _ in range(50)]
    await set_passed(world, cases, "first")

    async with world.service():
        await until(lambda: _fewer_than(world, 9_900), "it has begun", seconds=SECONDS)
        for case in busy:
            world.post(case, 1)
        world.flush()
        for case in busy:
            await world.counted(case, 1, seconds=SECONDS)
        assert await world.db.due.count_documents({}) > 0, "the facts did not wait for all of them"
        await until(lambda: _fewer_than(world, 1), "all have fired", seconds=120)

    counted = world.db.cases.count_documents
    assert await counted({"reminded.0.name": "first", "reminded.1": {"$exists": False}}) == 10_000
    assert await world.db.effects.count_documents({"number": "first"}) == 10_000


async def _fewer_than(world, number):
    return await world.db.due.count_documents({}) < number


async def test_what_is_due_is_found_by_an_index_however_many_are_not(world, scheduler_of):
    scheduler = scheduler_of("one")
    await scheduler.ensure_indexes()
    later = await now(world) + HOUR
    await world.db.due.insert_many(
        [Timer("first", f"case-{n}", f"case-{n}", later).as_document() for n in range(2_000)]
    )
    await until(scheduler.owns, "it is the owner")

    async with watched(world) as seen:
        assert not await scheduler.is_due()
        await scheduler.fire()
        assert await scheduler.overdue() == (2_000, 0, 0.0)

    found = [each for each in await seen() if each["op"] in {"query", "command"}]
    asked = [each for each in found if "keysExamined" in each]
    assert len(asked) >= 3
    assert all(each["docsExamined"] < 10 and each["keysExamined"] < 10 for each in asked), asked


@asynccontextmanager
async def watched(world):
    """What mongod did for the test's database, as its profiler saw it."""
    await world.db.command("profile", 2)

    async def seen():
        await world.db.command("profile", 0)
        return await world.db["system.profile"].find({"ns": f"{world.name}.due"}).to_list()

    try:
        yield seen
    finally:
        await world.db.command("profile", 0)


async def test_how_late_the_oldest_is_can_be_seen(world, scheduler_of):
    scheduler = scheduler_of("one")
    await set_passed(world, [a_case(), a_case()], "first", ago=HOUR)
    coming = Timer("first", "later", "later", await now(world) + HOUR)
    await world.db.due.insert_one(coming.as_document())

    waiting, overdue, oldest = await scheduler.overdue()

    assert (waiting, overdue) == (3, 2)
    assert 3_600 <= oldest < 3_700
    async with world.service() as service:
        await until(lambda: _fewer_than(world, 2), "what is due has fired", seconds=SECONDS)
        await until(lambda: _shows_no_overdue(service), "the figures follow", seconds=SECONDS)


async def _shows_no_overdue(service):
    metrics = (await service.get("/metrics")).text
    return (
        'samraad_deadlines{what="overdue"} 0.0' in metrics
        and "samraad_deadline_oldest_overdue_seconds 0.0" in metrics
        and 'samraad_deadlines{what="waiting"} 1.0' in metrics
        and 'samraad_deadlines_fired_total{name="first"}' in metrics
    )
