"""What staff and programs are answered when they act on a case: pages, words, data, and refusals."""

from datetime import timedelta
from uuid import uuid4

import pytest
from pymongo import AsyncMongoClient

from shared.engine import Store
from tests.edge.commands_world import DATA, KARL, KIRA, MONA, UNSUITABLE, Desk, a_desk

SUITABLE = {"result": "suitable"}


@pytest.fixture
async def desk(intake_mongo, tmp_path):
    async with a_desk(intake_mongo, tmp_path) as desk:
        yield desk


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


async def test_a_form_that_is_not_offered_any_more_still_shows_what_was_typed(desk):
    case_id = await desk.a_case()
    await desk.screen(case_id, KARL, **UNSUITABLE)

    answer = await desk.screen(case_id, result="unsuitable", code="withdrawn")

    assert answer.status_code == 409
    assert 'value="withdrawn" selected' in answer.text
    assert 's-fields" disabled' in answer.text
    assert "Send igen" not in answer.text


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
    assert (await desk.db.form_keys.count_documents({}), await desk.told()) == (0, [])


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({}, {"result": "Vælg et svar under »Er sagen egnet til konfliktråd?«."}),
        ({"result": "perhaps"}, {"result": "Vælg en af mulighederne"}),
        ({"result": "unsuitable"}, {"code": "Vælg et svar under »Begrundelse«."}),
        (SUITABLE | {"code": "not_safe"}, {"code": "Lad »Begrundelse« stå tomt"}),
        (UNSUITABLE | {"ground": "other"}, {"ground": "stå tomt"}),
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
    said = {"form_key": str(uuid4()), "revision": 0, "result": "suitable"}
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


async def test_a_case_is_fetched_as_plain_text_and_that_is_logged(desk):
    case_id = await desk.a_case(municipality="0766")
    await desk.screen(case_id, **UNSUITABLE)

    answer = await desk.open(f"{case_id}/text")

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    said = "Egnethedsvurdering: ikke egnet. Begrundelse: ikke i det væsentlige erkendt."
    lines = answer.text.splitlines()
    assert lines[0].startswith("Sag: KR-")
    assert lines[1:3] == ["Trin: Afsluttet", "Kommune: Hedensted"]
    assert any(line.startswith("- ") and line.endswith(f"Kira Prøvesen. {said}") for line in lines)
    assert lines[-1].startswith("Hentet af Kira Prøvesen, ")
    assert said in (await desk.open(case_id)).text
    assert (await desk.log(case_id))[1] == ("read", "staff:kira", "read-mediation-case")


async def test_the_text_of_a_case_does_not_exist_to_who_may_not_open_it(desk):
    case_id = await desk.a_case()

    assert (await desk.open(f"{case_id}/text", MONA)).status_code == 404
    assert [row[0] for row in await desk.log(case_id)] == ["denied"]


async def test_an_open_page_is_told_that_the_case_has_changed_and_nothing_else(desk):
    case_id = await desk.a_case()
    before = await desk.open(f"{case_id}/news", query="?seen=0")
    await desk.screen(case_id, KARL, **UNSUITABLE)

    after = await desk.open(f"{case_id}/news", query="?seen=0")
    again = await desk.open(f"{case_id}/news", query="?seen=1")

    assert (before.status_code, before.text, again.status_code) == (204, "", 204)
    assert "Der er nyt i sagen" in after.text
    assert "Karl" not in after.text
    assert "egnet" not in after.text
    assert {row[0] for row in await desk.log(case_id)} == {"screen"}


async def test_the_news_of_a_case_do_not_exist_to_who_may_not_open_it(desk):
    case_id = await desk.a_case()

    assert (await desk.open(f"{case_id}/news", MONA, "?seen=0")).status_code == 404
    assert [row[0] for row in await desk.log(case_id)] == ["denied"]


@pytest.mark.parametrize("staff", [KIRA, MONA])
async def test_a_value_that_is_nested_to_any_depth_is_no_form(desk, staff):
    case_id = await desk.a_case()

    answers = set()
    async with desk.browser(staff, DATA) as site:
        for depth in (1, *range(700, 1000, 4)):
            sent = (
                f'{{"form_key": "{uuid4()}", "revision": 0, "result": {"[" * depth}{"]" * depth}}}'
            )
            answer = await site.post(
                f"/mediation/cases/{case_id}/screen",
                content=sent.encode(),
                headers={"content-type": DATA},
            )
            answers.add(answer.status_code)

    assert answers == {400}
