"""The one way in which staff act on a case, on a real database: once, by right, on what they saw."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient

from shared.engine import Store
from tests.edge.commands_world import DATA, KARL, KIRA, MONA, UNSUITABLE, Desk, a_desk

CLONE = Path(__file__).parents[2]
SECOND_LOOK = {"result": "second_look", "ground": "order"}
SUITABLE = {"result": "suitable"}
TOLD = ["mediation.screened.v1", "mediation.closed.v1"]
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


async def test_the_page_says_what_was_done_to_who_did_it_and_keeps_it_in_the_history(desk):
    case_id = await desk.a_case()
    done = await desk.screen(case_id, **UNSUITABLE)
    line = "Egnethedsvurdering: ikke egnet. Begrundelse: ikke i det væsentlige erkendt."

    page = (await desk.open(case_id, query="?gemt=1")).text
    assert done.headers["location"].endswith("?gemt=1")
    assert page.count(line) == 2
    assert 'role="status"' in page
    assert "Kira Prøvesen" in page.partition("Det er sket")[2]
    for staff, query in ((KIRA, ""), (KARL, "?gemt=1"), (KIRA, "?gemt=2")):
        other = (await desk.open(case_id, staff, query)).text
        assert other.count(line) == 1
        assert 'role="status"' not in other


@pytest.mark.parametrize("stage", ["proposed", "screening"])
async def test_until_a_case_is_suitable_its_page_asks_nobody_to_contact_the_parties(desk, stage):
    for due_in in (timedelta(days=5), timedelta(days=-1)):
        case_id = await desk.a_case(stage=stage)
        case = await desk.stored(case_id)
        changed = {"due_at": case["due_at"] - timedelta(days=5) + due_in}
        await desk.db.mediations.update_one({"_id": case_id}, {"$set": changed})
        assert "ontakt" not in (await desk.open(case_id)).text.partition("<main")[2]
        await desk.screen(case_id, **SUITABLE)
        assert "kontaktes" in (page := (await desk.open(case_id)).text) or "kontakt dem nu" in page


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


async def test_a_form_that_is_not_offered_any_more_still_shows_what_was_typed(desk):
    case_id = await desk.a_case()
    await desk.screen(case_id, KARL, **UNSUITABLE)

    answer = await desk.screen(case_id, result="unsuitable", code="withdrawn")

    assert answer.status_code == 409
    assert 'value="withdrawn" selected' in answer.text
    assert 's-fields" disabled' in answer.text
    assert "Send igen" not in answer.text


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


async def test_what_the_rule_refuses_is_answered_in_words_and_nothing_is_kept(desk):
    party = {
        "party_id": str(uuid4()),
        "role": "harmed",
        "category": "victim",
        "minor": None,
        "custody_holders": [],
        "address_protected": True,
    }
    case_id = await desk.a_case(parties=[party])

    answer = await desk.screen(case_id, **SUITABLE)

    assert answer.status_code == 409
    assert "Sagen skal ses på igen, før den kan være egnet." in answer.text
    assert (await keys(desk), await desk.told()) == ([], [])


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, {"result": "Vælg et svar under »Er sagen egnet til konfliktråd?«."}),
        ({"result": "perhaps"}, {"result": "Vælg en af mulighederne"}),
        ({"result": "unsuitable"}, {"code": "Vælg et svar under »Begrundelse«."}),
        (SUITABLE | {"code": "not_safe"}, {"code": "Lad »Begrundelse« stå tomt"}),
        (UNSUITABLE | {"cleared": "yes"}, {"cleared": "stå tomt"}),
    ],
)
async def test_a_wrong_answer_is_named_above_and_at_its_field(desk, values, wrong):
    case_id = await desk.a_case()

    answer = await desk.screen(case_id, **values)

    assert answer.status_code == 422
    summary, _, form = answer.text.partition('<form class="s-panel')
    for field, words in wrong.items():
        assert f'href="#screen-{field}"' in summary
        assert words in summary
        assert words in form.partition(f'id="screen-{field}-error"')[2]
        assert f'id="screen-{field}"' in form
    assert (await desk.stored(case_id)).get("revision", 0) == 0


async def test_what_is_too_large_of_another_type_or_from_another_site_is_not_read(desk):
    case_id, key = await desk.a_case(), str(uuid4())
    address = f"/mediation/cases/{case_id}/screen"
    said = {"form_key": key, "revision": "0", **UNSUITABLE}
    async with desk.browser(KIRA) as site:
        large = await site.post(address, data=said | {"code": "x" * 20_000})
        xml = await site.post(address, content=b"<a/>", headers={"content-type": "text/xml"})
        broken = await site.post(address, content=b"[", headers={"content-type": DATA})
        foreign = await site.post(address, data=said, headers={"sec-fetch-site": "cross-site"})
        cross = await site.post(address, data=said, headers={"origin": "http://evil.example"})

    assert [each.status_code for each in (large, xml, broken, foreign, cross)] == [
        *(413, 415, 400, 400, 400),
    ]
    assert (await desk.stored(case_id)).get("revision", 0) == 0


async def test_a_program_gets_the_same_as_data(desk):
    case_id, key = await desk.a_case(), str(uuid4())

    invalid = await desk.screen(case_id, accept=DATA, result="unsuitable")
    done = await desk.screen(case_id, key=key, accept=DATA, **UNSUITABLE)
    again = await desk.screen(case_id, key=key, accept=DATA, **UNSUITABLE)
    reused = await desk.screen(case_id, key=key, accept=DATA, **SUITABLE)
    stale = await desk.screen(case_id, accept=DATA, **SUITABLE)
    refused = await desk.screen(case_id, accept=DATA, revision=1, **SUITABLE)
    missing = await desk.screen(case_id, MONA, accept=DATA, **SUITABLE)

    assert (invalid.status_code, invalid.json()["errors"]) == (
        422,
        [{"field": "code", "rule": "required"}],
    )
    assert (done.status_code, done.json()) == (
        200,
        {
            "case_id": case_id,
            "act": "screen",
            "address": f"/mediation/cases/{case_id}?gemt=1",
        },
    )
    assert again.json() == done.json()
    assert [(each.status_code, each.json()["code"]) for each in (reused, stale, refused)] == [
        (422, "reused"),
        (409, "stale"),
        (409, "refused"),
    ]
    assert refused.json()["detail"] == "the case has been assessed already"
    assert missing.status_code == 404
    assert "code" not in missing.json()


async def test_a_program_may_send_json_and_finds_the_typed_fields_in_openapi(desk):
    case_id = await desk.a_case()
    said = {"form_key": str(uuid4()), "revision": 0, "result": "suitable", "cleared": False}
    async with desk.browser(KIRA, DATA) as site:
        answer = await site.post(f"/mediation/cases/{case_id}/screen", json=said)
        document = (await site.get("/openapi.json")).json()

    assert answer.status_code == 200
    post = document["paths"]["/mediation/cases/{case_id}/screen"]["post"]
    schema = post["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["result"]["enum"] == ["suitable", "unsuitable", "second_look"]
    assert set(schema["required"]) == {"result", "form_key", "revision"}
    assert "$ref" not in str(schema)
    assert {"200", "303", "404", "409", "422", "503"} <= set(post["responses"])


async def test_a_database_that_is_away_is_said_so_and_the_form_comes_back_with_its_key(tmp_path):
    key, case_id = str(uuid4()), str(uuid4())
    nowhere = "mongodb://127.0.0.1:9/?directConnection=true"
    async with AsyncMongoClient(nowhere, tz_aware=True, timeoutMS=100) as client:
        desk = Desk(Store(client, "nowhere", cases="mediations"), tmp_path)

        page = await desk.screen(case_id, key=key, **UNSUITABLE)
        data = await desk.screen(case_id, accept=DATA, **UNSUITABLE)
        reading = await desk.open(case_id)

    for answer in (page, data, reading):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert f'name="form_key" value="{key}"' in page.text
    assert 'value="not_acknowledged" selected' in page.text
    assert "bliver den gemt højst én gang" in page.text


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
