"""A process dies at each place where state changes hands, by name: its heir loses and doubles nothing.

One life for each point: the process begins, is given something to do, and is dead when it comes to
the point; the next one takes over. What the last heir leaves behind is judged.
"""

import asyncio
import json
import os
import signal
from contextlib import suppress
from uuid import uuid4

import pytest
from bson import Timestamp

from shared.contracts.envelope import Envelope, write_envelope
from shared.crash_points import POINTS
from tests.edge.engine_world import Emitted, a_case, an_engine_world
from tests.edge.test_engine_relay import firsts
from tests.edge.test_engine_undecodable import damage
from tests.forked import create_forked_process

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LIFE_S = 60.0

BEGINNING = (
    "group.assigned",
    "lane.before_take",
    "watermark.between_fence_and_take",
    "lane.after_take",
    "lane.before_seek",
)
ON_ITS_WAY = (
    "slice.prepared",
    "slice.loaded",
    "slice.before_commit",
    "slice.after_commit",
    "lane.between_slices",
    "relay.after_read",
    "relay.after_send",
    "relay.after_ack",
    "relay.after_delete",
    "group.before_display",
    "lease.taken",
)
GOING_ON = ("sweep.between_cases", "drain.before_commit", "drain.after_commit")
ACTING = ("action.before_commit", "action.after_commit")
PARTED = ("relay.before_keeping_rest",)
UNREADABLE = ("unreadable.before_commit", "unreadable.after_commit")
REDRIVEN = ("redrive.before_commit", "redrive.after_commit")
REQUEUED = ("requeue.before_commit", "requeue.after_commit")

ELSEWHERE = ("command.", "ticker.", "keys.", "intake.", "details.", "group.revoked")
"""Their own tests, and the storms of tests/faults, come to these."""


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


class Lives:
    """One process after the other, each of which dies at its point."""

    def __init__(self, world, plans, points):
        self._world = world
        self._plan = plans / "one"
        self._environment = os.environ | {"SAMRAAD_FAULTS": "1", "SAMRAAD_CRASH": str(plans)}
        self._plan.write_text("".join(f"{point}:1\n" for point in points))
        self.points = points

    async def __aiter__(self):
        """Give each life, with its point; it must be dead before the next one begins."""
        for place, point in enumerate(self.points):
            process = await self._begin()
            try:
                yield Life(place + 1, process)
                async with asyncio.timeout(LIFE_S):
                    await process.wait()
            except TimeoutError:
                raise AssertionError(f"it does not come to {point}") from None
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            left = len(self._plan.read_text().splitlines())
            assert (process.returncode, left) == (-signal.SIGKILL, len(self.points) - place - 1)

    async def _begin(self):
        world = self._world
        options = {
            "name": world.name,
            "topics": [world.topic],
            "facts_topic": world.facts_topic,
            "kafka_file": str(world.kafka_file),
            "mongo_file": str(world.mongo_file),
            "instance": "one",
            "group": world.name,
        }
        return await create_forked_process(
            "tests.edge.crashing_process",
            json.dumps(options),
            environment=self._environment,
            pipes={"stdin"},
        )


class Life:
    """A process that will die."""

    def __init__(self, number, process):
        self.number = number
        self._process = process

    def ask(self, **what):
        """Let it do something once it is ready."""
        self._process.stdin.write(json.dumps(what).encode() + b"\n")


async def whole(world, case, numbers):
    """Let the last heir take over, and judge what all lives left behind."""
    async with world.service(instance="one"):
        await world.counted(case, *numbers)
        await world.settled()
    order, differing = firsts(await world.published())
    assert order == {str(case): list(range(1, len(numbers) + 1))}
    assert differing == []


def test_every_point_of_the_engine_is_gone_to():
    gone_to = {
        *(*BEGINNING, *ON_ITS_WAY, *GOING_ON, *ACTING, *PARTED),
        *(*UNREADABLE, *REDRIVEN, *REQUEUED),
    }

    assert gone_to == {point for point in POINTS if not point.startswith(ELSEWHERE)}


@pytest.mark.timeout(240)
async def test_dying_where_a_partition_is_taken_and_where_facts_pass(world, tmp_path):
    case, lives = a_case(), Lives(world, tmp_path, [*BEGINNING, *ON_ITS_WAY])

    async for life in lives:
        world.send(case, 2 * life.number - 1, 2 * life.number)

    await whole(world, case, range(1, 2 * len(lives.points) + 1))
    assert await world.parked() == []


async def test_dying_where_what_waited_goes_on(world, tmp_path):
    case, count, lives = a_case(), 600, Lives(world, tmp_path, GOING_ON)
    world.send(case, *range(2, count + 1))

    async for life in lives:
        if life.number == 1:
            world.send(case, 1)

    await whole(world, case, range(1, count + 1))
    assert await world.parked() == []


async def test_dying_where_staff_act(world, tmp_path):
    case, lives = a_case(), Lives(world, tmp_path, ACTING)

    async for life in lives:
        for number in range(1, life.number + 1):  # each is asked for again: nobody heard of it
            life.ask(case=str(case), number=number)

    async with world.service(instance="one") as service:
        await service.store.db.actions.find_one({})
    numbers = await world.numbers(case)
    assert numbers in ([1, 2], [1]), "what was asked for last may not have been done"
    await whole(world, case, numbers)


async def test_dying_where_a_part_of_the_outbox_has_no_topic(world, tmp_path):
    case, lives = a_case(), Lives(world, tmp_path, PARTED)
    beside = f"partner.{world.name.replace('_', '-')}.replies"

    async for life in lives:
        life.ask(case=str(case), number=1, beside=beside)

    await world.make_topic(beside)
    await whole(world, case, [1])
    assert {each.value() for each in await asyncio.to_thread(world.raw, beside)} == {b"{}"}
    await world.remove_topic(beside)


async def test_dying_where_a_batch_that_cannot_be_read_is_stepped_over(world, tmp_path):
    case, lives = a_case(), Lives(world, tmp_path, UNREADABLE)

    async for life in lives:
        world.send(case, 2 * life.number - 1)
        world.send(a_case(), 1)
        damage(world.segment(world.topic), 3 * life.number - 2)
        world.send(case, 2 * life.number)

    await whole(world, case, range(1, 5))
    rows = await world.parked()
    assert [(row["state"], row["offset"]) for row in rows] == [("unreadable", 1), ("unreadable", 4)]


async def test_dying_where_a_record_is_tried_again(world, tmp_path):
    case, lives = a_case(), Lives(world, tmp_path, REDRIVEN)
    world.put(world.topic, b"nobody", b"{", [])
    world.flush()
    async with world.service(instance="one"):
        world.send(case, 1)
        await world.counted(case, 1)
    (row,) = await world.parked()

    async for life in lives:
        life.ask(redrive=row["_id"])

    await whole(world, case, [1])
    assert [each["_id"] for each in await world.parked()] == [row["_id"]], "kept, and kept once"


async def test_dying_where_what_could_not_be_delivered_is_sent_again(world, tmp_path):
    case, lives = a_case(), Lives(world, tmp_path, REQUEUED)
    source = f"/{world.name}/facts"
    envelope = Envelope(id="x", source=source, type=Emitted.type, subject=str(case), sequence=1)
    message = {
        "topic": world.facts_topic,
        "key": str(case),
        "headers": dict(write_envelope(envelope)),
        "value": Emitted(case_id=case, number=1, on=world.facts_topic).write(),
    }
    row = {"_id": uuid4().hex, "state": "undeliverable", "messages": [message]}
    await world.db.parked.insert_one(row | {"at": Timestamp(0, 0)})

    async for life in lives:
        life.ask(redrive=row["_id"])
        if life.number == len(lives.points):
            assert await world.db.parked.count_documents({}) == 1, "it died before the commit"

    async with world.service(instance="one"):
        await world.settled()
    assert {(each.case, each.sequence) for each in await world.published()} == {(str(case), 1)}
    assert await world.parked() == []
