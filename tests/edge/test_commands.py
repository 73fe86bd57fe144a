"""The one way in which staff act on a case, on a real database: once, by right, on what they saw."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.edge.commands_world import KARL, KIRA, MONA, UNSUITABLE, a_desk

CLONE = Path(__file__).parents[2]
SECOND_LOOK = {"result": "second_look", "ground": "order"}
SUITABLE = {"result": "suitable"}
TOLD = ["mediation.screened.v1", "mediation.closed.v1"]
KEYS = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")
ACTED = ("screen", "staff:kira", "screen-mediation-case")


@pytest.fixture
async def desk(intake_mongo, tmp_path):
    async with a_desk(intake_mongo, tmp_path) as desk:
        yield desk


async def keys(desk):
    return await desk.db.form_keys.find().to_list()


async def test_an_act_changes_the_case_tells_it_logs_it_and_leads_back_to_the_page(desk):
    case_id = await desk.a_case()

    answer = await desk.screen(case_id, **UNSUITABLE)

    assert answer.status_code == 303
    assert answer.headers["location"] == f"/mediation/cases/{case_id}?gemt=1"
    case = await desk.stored(case_id)
    assert (case["stage"], case["unsuitable"]) == ("closed", "not_acknowledged")
    assert (case["revision"], case["next_step"], case["due_at"]) == (1, None, None)
    assert (await desk.told(), await desk.due()) == (TOLD, [])
    assert await desk.log(case_id) == [ACTED]
    [row] = await desk.db.audit.find().to_list()
    assert (row["basis"], row["roles"]) == ("mediation_act", ["mediation-coordinator"])


async def test_a_second_post_of_the_same_form_does_nothing_and_is_answered_like_the_first(desk):
    case_id, key = await desk.a_case(), str(uuid4())

    first, second = [await desk.screen(case_id, key=key, **UNSUITABLE) for _ in range(2)]

    assert (second.status_code, second.headers["location"]) == (303, first.headers["location"])
    assert (await desk.told(), await desk.log(case_id)) == (TOLD, [ACTED])
    assert len((await desk.stored(case_id))["history"]) == 1


async def test_of_many_posts_of_one_form_at_the_same_time_one_counts_and_all_are_answered_alike(
    desk,
):
    case_id, key = await desk.a_case(), str(uuid4())

    answers = await asyncio.gather(*(desk.screen(case_id, key=key, **UNSUITABLE) for _ in range(8)))

    assert {answer.headers.get("location") for answer in answers} == {
        f"/mediation/cases/{case_id}?gemt=1"
    }
    assert (await desk.told(), await desk.log(case_id)) == (TOLD, [ACTED])


@pytest.mark.parametrize("other", [SUITABLE, UNSUITABLE | {"revision": "1"}])
async def test_the_same_key_with_other_input_is_refused_and_changes_nothing(desk, other):
    case_id, key = await desk.a_case(), str(uuid4())
    await desk.screen(case_id, key=key, **UNSUITABLE)

    answer = await desk.screen(case_id, **{"key": key, **other})

    assert answer.status_code == 422
    assert "allerede sendt med andre svar" in answer.text
    assert (await desk.told(), len((await desk.stored(case_id))["history"])) == (TOLD, 1)


async def test_the_key_of_another_person_and_of_another_case_do_not_exist(desk):
    case_id, another, key = await desk.a_case(), await desk.a_case(), str(uuid4())
    await desk.screen(case_id, key=key, **SECOND_LOOK)

    by_karl = await desk.screen(case_id, KARL, key=key, revision=1, **UNSUITABLE)
    elsewhere = await desk.screen(another, key=key, **UNSUITABLE)

    assert (by_karl.status_code, elsewhere.status_code) == (303, 303)
    assert (await desk.stored(case_id))["stage"] == "closed"
    assert len(await keys(desk)) == 3


async def test_who_may_not_do_it_gets_what_a_case_that_does_not_exist_gets_and_it_is_logged(desk):
    case_id, nowhere, key = await desk.a_case(), str(uuid4()), str(uuid4())

    answers = [
        await desk.screen(where, MONA, key=key, **values)
        for where in (case_id, nowhere)
        for values in (UNSUITABLE, UNSUITABLE)
    ]
    answers.append(await desk.screen(case_id, MONA, result="nonsense"))
    answers.append(await desk.screen(nowhere, KIRA, result="nonsense"))

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text.partition("<main")[2] for answer in answers}) == 1
    denied = ("denied", "staff:mona", "screen-mediation-case")
    assert await desk.log(case_id) == [denied] * 3
    assert (await desk.log(nowhere))[:2] == [denied] * 2
    assert [row["outcome"] for row in await keys(desk)] == [{"status": 404}] * 4
    assert (await desk.told(), (await desk.stored(case_id))["stage"]) == ([], "proposed")


async def test_a_repeated_post_by_somebody_who_lost_the_right_learns_nothing(desk):
    case_id, key = await desk.a_case(), str(uuid4())
    await desk.screen(case_id, key=key, **UNSUITABLE)
    demoted = type(KIRA)(KIRA.id, KIRA.name, KIRA.title, ("mediator",), KIRA.places)

    await desk.door.know(demoted)
    answer = await desk.screen(case_id, demoted, key=key, **UNSUITABLE)

    assert answer.status_code == 404
    assert (await desk.log(case_id))[-1][0] == "denied"


async def test_who_saw_an_older_page_gets_it_as_it_is_now_with_all_answers_kept(desk):
    case_id = await desk.a_case()
    await desk.screen(case_id, KARL, **SECOND_LOOK)

    answer = await desk.screen(case_id, **UNSUITABLE)

    assert answer.status_code == 409
    assert "Sagen blev ændret, mens du skrev" in answer.text
    news = answer.text.partition("Det er nyt, siden du åbnede sagen")[2].partition("</section>")[0]
    assert "Karl Attrapsen" in news
    assert "skal ses på igen. Tilhold, opholdsforbud eller bortvisning." in news
    assert 'value="not_acknowledged" selected' in answer.text
    assert 'value="unsuitable" class="form-radio" checked' in answer.text
    assert 'name="revision" value="1"' in answer.text
    assert (await desk.stored(case_id))["stage"] == "screening"
    assert (await desk.screen(case_id, revision=1, **UNSUITABLE)).status_code == 303


async def test_a_parked_case_is_not_changed(desk):
    protocol = {"marks": {}, "sequences": {}, "parked": "it cannot be decoded"}
    case_id = await desk.a_case(protocol=protocol)

    answer = await desk.screen(case_id, **UNSUITABLE)

    assert (answer.status_code, await desk.told()) == (409, [])
    assert "Sagen er standset" in answer.text
    await desk.db.mediations.update_one({"_id": case_id}, {"$unset": {"protocol.parked": ""}})
    assert (await desk.screen(case_id, **UNSUITABLE)).status_code == 303


async def test_of_two_rivals_one_wins_and_the_other_is_told_what_the_winner_did(desk):
    for _ in range(5):
        case_id = await desk.a_case()

        answers = await asyncio.gather(
            desk.screen(case_id, KIRA, **UNSUITABLE), desk.screen(case_id, KARL, **SECOND_LOOK)
        )

        assert sorted(answer.status_code for answer in answers) == [303, 409]
        [line] = (await desk.stored(case_id))["history"]
        loser = next(answer for answer in answers if answer.status_code == 409)
        assert line["name"] in loser.text.partition("Det er nyt")[2]


@pytest.mark.parametrize(
    ("point", "done"), [("command.before_commit", False), ("command.after_commit", True)]
)
async def test_who_sends_again_after_a_crash_has_done_it_once(desk, intake_uri, point, done):
    case_id, key = await desk.a_case(), str(uuid4())
    command = [sys.executable, "-m", "tests.edge.commands_world"]
    # as in the stack: the transaction of the dead process ends before the next try gives up
    await desk.store.client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=5)
    died = await asyncio.to_thread(
        subprocess.run,
        [*command, intake_uri, desk.db.name, case_id, key],
        cwd=CLONE,
        env=os.environ | {"SAMRAAD_FAULTS": "1", "SAMRAAD_CRASH": f"{point}:1"},
        capture_output=True,
        check=False,
        timeout=120,
    )

    assert died.returncode == -signal.SIGKILL
    assert ((await desk.stored(case_id))["stage"] == "closed") is done
    answer = await desk.screen(case_id, key=key, **UNSUITABLE)
    assert (answer.status_code, await desk.told(), await desk.log(case_id)) == (303, TOLD, [ACTED])


async def test_who_meets_a_case_that_others_hold_too_long_is_asked_to_send_again(desk, monkeypatch):
    monkeypatch.setattr("shared.engine.store.store._PATIENCE_S", 0.0)
    monkeypatch.setattr("shared.engine.store.store._PAUSES", (0.001,))
    case_id = await desk.a_case()
    async with desk.store.transaction() as rival:
        await desk.db.mediations.update_one({"_id": case_id}, {"$set": {"x": 1}}, session=rival)

        answer = await desk.screen(case_id, **UNSUITABLE)

    assert answer.status_code == 409
    assert "Andre arbejder i sagen lige nu" in answer.text
    assert 'value="not_acknowledged" selected' in answer.text
    assert (await desk.screen(case_id, **UNSUITABLE)).status_code == 303


async def test_keys_are_kept_for_thirty_days_and_hold_no_content(desk):
    case_id = await desk.a_case()
    await desk.screen(case_id, **UNSUITABLE)

    indexes = await desk.db.form_keys.index_information()
    [row] = await keys(desk)

    assert indexes["at_1"]["expireAfterSeconds"] == 30 * 24 * 3600
    assert row["outcome"].keys() == {"status", "address"}
    assert "not_acknowledged" not in str(row)


ANSWERS = (SUITABLE, UNSUITABLE, SECOND_LOOK, {"result": "nonsense"})
OPEN = {"proposed", "screening"}


class Expected:
    """What the corridor promises, in a few lines: judged one post after the other."""

    def __init__(self):
        self.stage, self.revision, self.order, self.seen = "proposed", 0, False, {}
        self.asked_by = None

    def answer(self, staff, key, revision, values):
        known = self.seen.get((staff.id, key))
        if known and known[0] != (revision, values):
            return 404 if staff.id == MONA.id else 422  # she may not see the page that would say it
        if staff.id == MONA.id:
            self.seen[staff.id, key] = ((revision, values), 404)
            return 404
        if known:
            return known[1]
        if values["result"] == "nonsense":
            return 422
        wants_clearance = self.order and values == SUITABLE
        is_same = self.stage == "screening" and self.asked_by == staff.id
        if revision != self.revision or self.stage not in OPEN or wants_clearance or is_same:
            return 409
        self.asked_by = staff.id
        self.order = self.order or values == SECOND_LOOK
        stages = {"suitable": "contact", "unsuitable": "closed", "second_look": "screening"}
        self.stage, self.revision = stages[values["result"]], self.revision + 1
        self.seen[staff.id, key] = ((revision, values), 303)
        return 303


POSTS = st.lists(
    st.tuples(
        st.sampled_from((KIRA, KARL, MONA)),
        st.sampled_from(KEYS),
        st.integers(0, 2),
        st.sampled_from(ANSWERS),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(posts=POSTS)
async def test_whatever_is_posted_in_whatever_order_the_answers_are_those_that_were_promised(
    desk, posts
):
    case_id, expected = await desk.a_case(), Expected()
    for staff, key, revision, values in posts:
        answer = await desk.screen(case_id, staff, key=key, revision=revision, **values)

        assert answer.status_code == expected.answer(staff, key, revision, values)
        case = await desk.stored(case_id)
        assert (case["stage"], case.get("revision", 0)) == (expected.stage, expected.revision)
        assert len(case.get("history", [])) == expected.revision
    acts = [row for row in await desk.log(case_id) if row[0] == "screen"]
    assert len(acts) == expected.revision
