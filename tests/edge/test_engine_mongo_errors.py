"""What the database refuses, and what only waits: who parks, and who must not."""

import pytest

from tests.edge.engine_world import a_case, an_engine_world, until

# a process that ends while its relay connects leaves the connection to the kernel
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

REFUSES = "write what cannot be stored"


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


@pytest.mark.parametrize(
    "code", [11601, 14031, 13], ids=["interrupted", "the disk is full", "a right is missing"]
)
async def test_what_the_server_may_get_over_parks_no_fact(world, code):
    case = a_case()

    refusals = world.failing("insert", "update", errorCode=code, mode={"times": 3})
    async with world.service(), refusals:
        world.send(case, 1)
        await world.counted(case, 1)

    assert await world.parked() == []


async def test_a_waiting_fact_that_cannot_be_stored_parks_itself_and_not_the_one_before_it(world):
    case = a_case()

    async with world.service() as service:
        world.send(case, 2, does=REFUSES)
        await until(lambda: world.db.parked.count_documents({"state": "waiting"}), "it waits")
        world.send(case, 1)
        await world.counted(case, 1)
        await until(lambda: world.db.parked.count_documents({"state": "failed"}), "it is parked")

        [failed] = await world.parked(state="failed")
        assert failed["sequence"] == 2
        world.send(case, 3)
        await service.parking_lot.discard(failed["_id"], "it can never be stored")
        await world.counted(case, 1, 3)

    assert await world.parked() == []


async def test_only_the_event_that_parked_a_case_can_be_discarded_and_only_once(world):
    case = a_case()

    async with world.service() as service:
        world.send(case, 1, does="fail")
        world.send(case, 2)
        await until(lambda: world.db.parked.count_documents({}), "it is parked")
        [failed] = await world.parked(state="failed")
        await service.parking_lot.discard(failed["_id"], "a mistake of ours")
        await world.counted(case, 2)

    rows = await world.db.audit.find({"action": "parked_discard"}).to_list()
    assert [row["what"] for row in rows] == [failed["_id"]]
    document = await world.db.cases.find_one({"_id": str(case)})
    assert list(document["protocol"]["marks"].values()) == [2]
