"""The second look in mediation, on a real database: four eyes, and the police lawyer's own act."""

from dataclasses import replace
from uuid import uuid4

import pytest

from services.mediation.earlier_cases import ask_for_looks
from shared.staff.access import Staff
from tests.edge.commands_world import KARL, KIRA, MONA, a_desk

LENA = Staff("lena", "Lena Testesen", "x", ("leader",), ("1463",))
PAULA = Staff("paula", "Paula Eksempelsen", "x", ("police-lawyer",), ("1463",))
ORDER = {"result": "second_look", "ground": "order"}
RELATION = {"result": "second_look", "ground": "close_relation"}
SUITABLE = {"result": "suitable"}


@pytest.fixture
async def desk(intake_mongo, tmp_path):
    async with a_desk(intake_mongo, tmp_path) as desk:
        await desk.door.know(LENA, PAULA)
        yield desk


async def clear(desk, case_id, staff, result, revision):
    content = {"form_key": str(uuid4()), "revision": str(revision), "result": result}
    async with desk.browser(staff) as site:
        return await site.post(f"/mediation/cases/{case_id}/clear", data=content)


async def statuses(desk, case_id):
    people = (KIRA, LENA, PAULA, MONA)
    return [(await desk.open(case_id, staff)).status_code for staff in people]


async def test_a_case_opens_to_the_leader_and_the_police_lawyer_when_it_asks_them(desk):
    case_id = await desk.a_case()
    assert await statuses(desk, case_id) == [200, 404, 404, 404]

    await desk.screen(case_id, **ORDER)

    assert await statuses(desk, case_id) == [200, 200, 200, 404]
    assert await desk.told() == ["mediation.screened.v1", "mediation.look_asked.v1"]
    assert "af en anden end den, der bad om det" in (await desk.open(case_id)).text
    for staff, form in ((LENA, "screen"), (PAULA, "clear")):
        page = (await desk.open(case_id, staff)).text
        assert [name for name in ("screen", "clear") if f"/{name}" in page] == [form]


async def test_who_asked_is_refused_in_words_and_the_leader_takes_the_second_look(desk):
    case_id = await desk.a_case()
    await desk.screen(case_id, **RELATION)

    same = await desk.screen(case_id, revision=1, **SUITABLE)
    leader = await desk.screen(case_id, LENA, revision=1, **SUITABLE)

    assert (same.status_code, leader.status_code) == (409, 303)
    assert "Du bad selv om, at sagen bliver set på igen." in same.text
    assert (await desk.open(case_id, LENA, "?gemt=2")).text.count("Egnethedsvurdering: egnet.") == 2
    assert (await desk.open(case_id, PAULA)).status_code == 404


class StillLeader:
    """The directory as a request finds it just before a role is taken away."""

    def __init__(self, directory):
        self.directory = directory

    async def find(self, staff_id, session_id, transaction=None):
        now = await self.directory.find(staff_id, session_id, transaction)
        return now if transaction else replace(now, roles=(*now.roles, "leader"))


async def test_a_role_that_is_taken_away_while_an_act_is_sent_lets_nobody_take_the_second_look(
    desk,
):
    case_id = await desk.a_case()
    await desk.screen(case_id, **RELATION)
    desk.app.state.directory = StillLeader(desk.app.state.directory)

    answer = await desk.screen(case_id, revision=1, **SUITABLE)

    assert answer.status_code == 409
    assert (await desk.stored(case_id))["stage"] == "screening"


async def test_only_the_police_lawyer_clears_an_order_and_only_then_can_a_case_be_suitable(desk):
    case_id = await desk.a_case()
    await desk.screen(case_id, **ORDER)

    by_others = [await clear(desk, case_id, staff, "cleared", 1) for staff in (KIRA, LENA, KARL)]
    too_soon = await desk.screen(case_id, KARL, revision=1, **SUITABLE)
    cleared = await clear(desk, case_id, PAULA, "cleared", 1)
    again = await clear(desk, case_id, PAULA, "cleared", 2)
    suitable = await desk.screen(case_id, KARL, revision=2, **SUITABLE)

    assert [each.status_code for each in by_others] == [404] * 3
    assert [each.status_code for each in (too_soon, cleared, again, suitable)] == [
        *(409, 303, 409, 303),
    ]
    page = (await desk.open(case_id)).text
    assert "Paula Eksempelsen. Politiadvokatens vurdering: godkendt." in page
    assert "Politiadvokaten har godkendt, at sagen går videre" in page
    assert ("clear", "staff:paula", "clear-mediation-case") in await desk.log(case_id)


async def test_a_case_that_waited_for_a_second_look_under_the_version_before_asks_at_the_start(
    desk,
):
    line = {"revision": 1, "by": "kira", "name": "Kira", "act": "screen", "content": RELATION}
    case_id = await desk.a_case(
        stage="screening", revision=1, second_look=["close_relation"], history=[]
    )
    at = (await desk.stored(case_id))["received_at"]
    history = {"$set": {"history": [{**line, "at": at}]}}
    await desk.db.mediations.update_one({"_id": case_id}, history)

    for _ in range(2):
        await ask_for_looks(desk.store)

    assert await statuses(desk, case_id) == [200, 200, 404, 404]
    assert await desk.told() == ["mediation.look_asked.v1"]
    assert (await desk.screen(case_id, revision=1, **SUITABLE)).status_code == 409
    assert (await desk.screen(case_id, LENA, revision=1, **SUITABLE)).status_code == 303
