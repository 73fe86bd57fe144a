"""A PSP case on a real database: who may open it, what each of them reads, and what a judgement does."""

import pytest
from bson.binary import Binary

from shared.contracts.processes import PartnerKind
from tests.edge.psp_world import (
    BO,
    HANNE,
    ITEM,
    LENA,
    MIKKEL,
    NECESSITY,
    NINA,
    PEDER,
    PURPOSE,
    a_psp_desk,
)

EVERYBODY = (PEDER, HANNE, NINA, MIKKEL, BO, LENA)
OPENED = ("read", "read-psp-case", "rpl_115")
READ = ("read", "read-disclosed-items", "rpl_115")


@pytest.fixture
async def desk(intake_mongo, tmp_path):
    async with a_psp_desk(intake_mongo, tmp_path) as desk:
        yield desk


@pytest.mark.parametrize(
    ("named", "sender", "may_open", "may_read"),
    [
        (("police", "psychiatry"), PartnerKind.MUNICIPALITY, {PEDER, NINA}, {PEDER, NINA}),
        (("social_services",), PartnerKind.POLICE, {PEDER, BO}, {BO}),
        (("municipality",), PartnerKind.PSYCHIATRY, {BO}, {BO}),
        (("institution",), PartnerKind.MUNICIPALITY, set(), set()),
    ],
)
async def test_a_case_opens_to_those_whom_its_disclosure_names_and_items_to_them_alone(
    desk, named, sender, may_open, may_read
):
    case_id = await desk.arrives(*named, sender=sender)

    for staff in EVERYBODY:
        answer = await desk.open(case_id, staff)

        assert (answer.status_code == 200) == (staff in may_open), staff.id
        for words in (PURPOSE, NECESSITY):
            assert (words in answer.text) == (staff in may_open), staff.id
        assert (ITEM in answer.text) == (staff in may_read), staff.id
        seen = {row[0:1] + row[2:] for row in await desk.log(case_id) if row[1].endswith(staff.id)}
        opened, read = staff in may_open, staff in may_read
        assert (OPENED in seen, READ in seen, bool(seen)) == (opened, read, True)


async def test_each_item_is_shown_with_its_kind_source_and_day_and_as_plain_text(desk):
    case_id = await desk.arrives("psychiatry")

    page = (await desk.open(case_id, NINA)).text

    assert "Retsplejeloven § 115, stk. 2" in page
    assert page.index("Faktum") < page.index("Vurdering</span>")
    assert "17. nov." in page
    assert "Psykiatri: <bdi>Medlem (psychiatry)</bdi>" in page
    assert "&lt;b&gt;tryggest&lt;/b&gt;" in page
    assert "<b>tryggest" not in page


async def test_until_its_details_are_fetched_a_case_exists_for_nobody(desk):
    case_id = await desk.arrives(sender=PartnerKind.POLICE, fetch=False)

    assert [(await desk.open(case_id, staff)).status_code for staff in EVERYBODY] == [404] * 6

    await desk.fetch(case_id, "police")
    assert (await desk.open(case_id, PEDER)).status_code == 200
    [(type_, told)] = await desk.told()
    assert (type_, told["authorities"], told["staff_ids"]) == (
        "psp.access_changed.v1",
        ["police"],
        [],
    )
    assert told["due_at"]


async def test_a_case_whose_details_were_fetched_by_the_version_before_is_opened_at_the_start(desk):
    case_id = await desk.arrives("psychiatry")
    await desk.db.psp_cases.update_one({"_id": case_id}, {"$unset": {"disclosed_to": ""}})
    assert (await desk.open(case_id, NINA)).status_code == 404

    for _ in range(2):
        await desk.disclosures.name_recipients_of_earlier_cases()

    assert (await desk.open(case_id, NINA)).status_code == 200
    assert [type_ for type_, _ in await desk.told()] == ["psp.access_changed.v1"] * 2


async def test_a_necessary_case_goes_on_and_the_recipients_are_told(desk):
    case_id = await desk.arrives("psychiatry", "police")

    answer = await desk.judge(case_id, NINA, "necessary")

    assert answer.headers["location"] == f"/psp/cases/{case_id}?gemt=1"
    case = await desk.stored(case_id)
    assert (case["stage"], case["next_step"], case["due_at"]) == ("necessity_judged", None, None)
    assert await desk.db.due.count_documents({}) == 0
    [_, (type_, told)] = await desk.told()
    assert (type_, told["result"], set(told["authorities"])) == (
        "psp.necessity_judged.v1",
        "necessary",
        {"police", "psychiatry"},
    )
    page = (await desk.open(case_id, PEDER)).text
    assert ITEM in page
    assert "Nina Attrapsen. Nødvendighed: ja, det er nødvendigt." in page
    assert (await desk.log(case_id))[0] == ("judge-necessity", "staff:nina", *JUDGE)


JUDGE = ("judge-necessity", "rpl_115")


async def test_after_a_no_nobody_reads_what_was_disclosed_and_the_case_has_ended(desk):
    case_id = await desk.arrives("psychiatry", "police")

    await desk.judge(case_id, PEDER, "not_necessary")

    for staff in (PEDER, NINA):
        page = (await desk.open(case_id, staff)).text
        assert "Ikke nødvendig" in page
        assert all(words not in page for words in (PURPOSE, NECESSITY, ITEM, "Medlem ("))
        assert 'name="form_key"' not in page
    assert [
        (type_, told.get("result"), told["authorities"]) for type_, told in (await desk.told())[1:]
    ] == [
        ("psp.necessity_judged.v1", "not_necessary", ["psychiatry", "police"]),
        ("psp.access_changed.v1", None, []),
    ]
    assert READ not in {row[0:1] + row[2:] for row in await desk.log(case_id)}


async def test_only_who_may_open_a_case_may_judge_it_and_only_once(desk):
    case_id = await desk.arrives("social_services", sender=PartnerKind.POLICE)

    refused = [await desk.judge(case_id, staff, "necessary") for staff in (NINA, HANNE, LENA)]
    by_bo = await desk.judge(case_id, BO, "necessary")
    again = await desk.judge(case_id, PEDER, "not_necessary", revision=1)

    assert [answer.status_code for answer in refused] == [404] * 3
    assert (by_bo.status_code, again.status_code) == (303, 409)
    assert "Nødvendigheden er allerede vurderet." in again.text


async def test_damaged_details_are_said_so_and_the_page_still_shows_the_rest(desk):
    case_id = await desk.arrives("psychiatry")
    sealed = Binary((await desk.stored(case_id))["details"]["sealed"][:-4] + b"\0\0\0\0", 6)
    await desk.db.psp_cases.update_one({"_id": case_id}, {"$set": {"details.sealed": sealed}})

    answer = await desk.open(case_id, NINA)

    assert answer.status_code == 200
    assert "Videregivelsen kan ikke læses" in answer.text
    assert "Borger" in answer.text


async def test_nothing_of_a_disclosure_lies_in_the_clear(desk):
    case_id = await desk.arrives("psychiatry")
    await desk.open(case_id, NINA)
    await desk.judge(case_id, NINA, "necessary")

    for collection in await desk.db.list_collection_names():
        stored = str(await desk.db[collection].find().to_list())
        assert all(words not in stored for words in (PURPOSE, NECESSITY, ITEM, "Medlem ("))
