"""The operator's interface: access, reasons and answers."""

import pytest

from tests.edge.engine_world import a_case, an_engine_world, until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


async def test_who_acts_and_why_is_kept_and_a_reason_names_nobody(world):
    case = a_case()
    async with (
        world.service() as service,
        service.operator(**{"X-Operator": "bo.larsen"}) as processor,
    ):
        world.send(case, 1, does="fail")
        await until(service.parking_lot.count, "it is parked")
        (row,) = (await processor.get("/parked")).json()
        for named in ("of 010203-1234", "0102031234", "010203 1234, a girl"):
            asked = {"id": row["id"], "reason": named}
            refused = await processor.post("/discard", json=asked)
            assert refused.status_code == 422
            assert "leave the CPR number out" in refused.json()["detail"]
            assert "0102" not in refused.text
        assert (await processor.get("/log")).json() == []

        asked = {"id": row["id"], "reason": "  it was never ours "}
        assert (await processor.post("/discard", json=asked)).status_code == 200
        again = await processor.post("/discard", json=asked)
        (entry,) = (await processor.get("/log")).json()

    assert (again.status_code, again.json()["detail"]) == (409, "there is no such parked event")
    assert (entry["who"], entry["why"]) == ("operator:bo.larsen", "it was never ours")


async def test_to_others_nothing_is_here_and_no_name_is_taken_that_is_none(world):
    async with world.service() as service:
        for shown in ("", "Bearer another", "Bearer "):
            async with service.operator(Authorization=shown) as client:
                assert (await client.get("/halts")).status_code == 404
        async with service.operator(**{"X-Operator": "a name; with more"}) as processor:
            assert (await processor.post("/resume", json={})).status_code == 422


async def test_what_many_rows_ask_for_is_done_case_by_case(world):
    cases = [a_case() for _ in range(3)]
    async with world.service() as service, service.operator() as processor:
        for case in cases:
            world.send(case, 1, does="fail")
            world.send(case, 2)

        async def all_stand():
            rows = (await processor.get("/parked")).json()
            return [row["behind"] for row in rows] == [1, 1, 1]

        await until(all_stand, "three cases are parked, with one event behind each")
        ids = [row["id"] for row in (await processor.get("/parked")).json()]
        would = (await processor.post("/rehearse", json={"ids": ids})).json()
        assert [(each["done"], each["left"]) for each in would] == [(0, 2)] * 3
        world.behaviour.fixed = True
        answer = (await processor.post("/redrive", json={"ids": [*ids, *ids, "gone"]})).json()
        assert answer == {"redriven": 6, "left": 0}
        assert (await processor.get("/causes")).json() == []
