"""Everything at once, from one seed: repeats, disorder, poison, staff, failures and restarts.

A failing run names its seed; `SAMRAAD_STORM_SEED` repeats it.
"""

import asyncio
import os
import random
from contextlib import suppress

import pytest
from pymongo.errors import PyMongoError

from shared.errors import Conflict, Rejected, Unavailable
from tests.edge.engine_world import Emitted, a_case, an_engine_world, until
from tests.edge.test_engine_relay import INTERRUPTED, firsts

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CASES, FACTS, STAFF = 8, 60, 40
WRITE_CONFLICT = 112
GIVEN = os.environ.get("SAMRAAD_STORM_SEED")
SEEDS = [int(GIVEN)] if GIVEN else random.SystemRandom().sample(range(10**6), 2)
FAILURES = (
    {"commands": ("commitTransaction",), "writeConcernError": {"code": 64, "errmsg": "slow"}},
    {"commands": ("commitTransaction", "update", "find"), "closeConnection": True},
    {
        "commands": ("insert", "update"),
        "errorCode": WRITE_CONFLICT,
        "errorLabels": ["TransientTransactionError"],
    },
    {"commands": ("delete",), "errorCode": INTERRUPTED},
    {"commands": ("aggregate", "find"), "blockConnection": True, "blockTimeMS": 100},
)

PASSES = (Conflict, Unavailable, PyMongoError)
"""What an action may meet while the database fails and the service is restarted under it."""


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo, partitions=3) as world:
        yield world


class Storm:
    """What one seed does to the service."""

    def __init__(self, world, seed):
        self.world = world
        self.dice = random.Random(seed)  # noqa: S311 - a storm that can be repeated
        self.cases = [a_case() for _ in range(CASES)]
        self.streams = [world.topic, f"{world.name}.more"]
        self.service = None
        self.over = False

    def arrivals(self):
        """Every fact of every case and stream, some swapped, some repeated, some poison."""
        facts = []
        for case in self.cases:
            for topic in self.streams:
                for number in range(1, FACTS + 1):
                    does = self.dice.choice(["fail", "change and fail", *["count"] * 120])
                    facts.append((number + self.dice.uniform(0, 6), case, number, topic, does))
        facts += [
            (place + self.dice.uniform(0, 20), *rest)
            for place, *rest in self.dice.sample(facts, len(facts) // 5)
        ]
        return [rest for _, *rest in sorted(facts, key=lambda each: each[0])]

    async def send(self):
        for count, (case, number, topic, does) in enumerate(self.arrivals()):
            self.world.post(case, number, topic=topic, does=does)
            if count % 40 == 0:
                await asyncio.to_thread(self.world.flush)
                await asyncio.sleep(0.02)
        await asyncio.to_thread(self.world.flush)

    async def staff(self):
        """Notes on cases, each under its own key, tried until it is done."""
        for note in range(STAFF):
            case = self.dice.choice(self.cases)
            needs = {"cases": [str(case)]}
            await self._until_done(f"note-{note}", needs, self._note(case, 1_000 + note))
            await asyncio.sleep(self.dice.uniform(0, 0.1))

    async def _until_done(self, key, needs, decide):
        while True:
            if self.service is not None:
                with suppress(*PASSES):
                    return await self.service.store.act(key, needs, decide)
            await asyncio.sleep(0.05)

    def _note(self, case, number):
        def decide(unit):
            document = unit.load("cases", str(case)) or {"_id": str(case), "numbers": []}
            unit.save("cases", document | {"notes": [*document.get("notes", []), number]})
            unit.emit(Emitted(case_id=case, number=number, on=self.world.facts_topic))

        return decide

    async def operator(self):
        """Redrive what is parked, fixed or not."""
        while not self.over:
            await asyncio.sleep(self.dice.uniform(0.1, 0.5))
            for row in await self.world.parked(state="failed"):
                if self.service is not None:
                    with suppress(Rejected, *PASSES):
                        await self.service.parking_lot.redrive(row["_id"])

    async def trouble(self):
        while not self.over:
            failure = dict(self.dice.choice(FAILURES))
            commands = failure.pop("commands")
            times = {"times": self.dice.randint(1, 4)}
            async with self.world.failing(*commands, mode=times, **failure):
                await asyncio.sleep(self.dice.uniform(0.1, 0.4))
            await asyncio.sleep(self.dice.uniform(0.2, 1.0))

    async def restarts(self, going):
        """The service ends and begins until all is sent, then it is fixed and stays."""
        while not going.done():
            async with self.world.service(*self.streams) as service:
                self.service = service
                await asyncio.wait([going], timeout=self.dice.uniform(0.5, 2.5))
                self.service = None
        self.world.behaviour.fixed = True

    def wanted(self):
        return sorted([*range(1, FACTS + 1)] * len(self.streams))


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_storm_of_everything_leaves_each_effect_once_and_in_order(world, seed):
    storm = Storm(world, seed)
    await world.make_topic(storm.streams[1], partitions=3)
    troubled = [asyncio.create_task(each()) for each in (storm.operator, storm.trouble)]
    going = asyncio.gather(storm.send(), storm.staff())
    going = asyncio.ensure_future(going)

    await storm.restarts(going)
    await going
    async with world.service(*storm.streams) as storm.service:
        await asyncio.sleep(0.5)
        storm.over = True
        await asyncio.gather(*troubled)
        await until(lambda: _is_whole(storm), "every case is whole", seconds=60, was=world.db)
        await world.settled()
        assert (await storm.service.health())["parked"] == 0

    notes = []
    for case in storm.cases:
        document = await world.db.cases.find_one({"_id": str(case)})
        assert await world.effects(case) == storm.wanted()
        assert "trace" not in document
        notes += document.get("notes", [])
        assert set(document["protocol"]["marks"].values()) == {FACTS}
    assert sorted(notes) == list(range(1_000, 1_000 + STAFF))
    assert await world.parked() == []
    order, differing = firsts(await world.published())
    assert differing == []
    for case in storm.cases:
        assert order[str(case)] == list(range(1, len(order[str(case)]) + 1))
    published = sum(len(each) for each in order.values())
    assert published == CASES * FACTS * len(storm.streams) + STAFF


async def _is_whole(storm):
    for row in await storm.world.parked(state="failed"):
        with suppress(Rejected):  # an earlier row's case took it along
            await storm.service.parking_lot.redrive(row["_id"])
    found = [await storm.world.numbers(case) for case in storm.cases]
    return all(sorted(numbers) == storm.wanted() for numbers in found)
