"""The inbox page on a real database: what lies there is shown, whatever the code knows of it."""

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.notify.directory import StaffDirectory
from services.notify.domain import notices_of
from services.notify.handlers import CASES
from services.notify.inbox import PAGE
from services.notify.live import Live
from services.notify.notices import NOTICES, prepare, stored
from services.notify.pages import TEMPLATES, make_pages
from shared.contracts import mediation
from shared.engine import Store
from shared.staff.access import Staff
from shared.web.login import Claims
from tests.door import Door

NOW = datetime.now(UTC).replace(microsecond=0)
KIRA = Staff("kira", "Kira Prøvesen", "x", ("mediation-coordinator",), ("1463",))


@pytest.fixture
async def database(intake_mongo):
    made = intake_mongo[f"test_{uuid4().hex[:10]}"]
    await prepare(made)
    yield made
    await intake_mongo.drop_database(made.name)


@pytest.fixture
async def inbox(database, tmp_path):
    """Reads a page of the inbox as the coordinator of mediations, in one language."""
    app = FastAPI()
    store = Store(database.client, database.name, cases=CASES)
    app.include_router(make_pages(database, store, Live(database)))
    door = Door(
        app,
        store,
        tmp_path,
        service="notify",
        templates=TEMPLATES,
        directory=partial(StaffDirectory, store),
    )
    claims = Claims(KIRA.id, KIRA.name, KIRA.title, KIRA.roles, KIRA.places, None)
    opened = await app.state.directory.begin(claims)
    cookie = door.cookie(KIRA, opened.id)

    async def read(query="", language="da"):
        headers = {"cookie": f"{cookie}; sprog={language}"}
        return await site.get(f"/notify/inbox{query}", headers=headers)

    async def bell():
        return (await site.get("/notify/unread", headers={"cookie": cookie})).text

    async def acknowledge(first, *more):
        data = {"key": str(uuid4()), "more": [one["_id"] for one in more]}
        headers = {"cookie": cookie}
        return await site.post(f"/notify/inbox/{first['_id']}", data=data, headers=headers)

    read.bell, read.acknowledge = bell, acknowledge

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://site") as site:
        yield read


def a_notice(due_at=NOW + timedelta(days=9), **changes):
    fact = mediation.CaseReceived(case_id=uuid4(), municipality="0630", due_at=NOW)
    [notice] = notices_of(fact)
    document = stored(notice, NOW, NOW + timedelta(days=1))
    return {**document, "due_at": due_at, "version": 1, **changes}


def rows(page):
    if page.status_code != 200:
        return page.status_code
    lines = page.text.partition("</main>")[0].split('<li class="s-notice')[1:]
    return [line.partition('<section class="s-work"')[0] for line in lines]


def listed(page):
    return [row.split('data-row="')[1].partition('"')[0] for row in rows(page)]


def row_of(page, notice):
    [row] = [row for row in rows(page) if f'data-row="{notice["_id"]}"' in row]
    return row


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("da", "Der er nyt at se på"), ("en", "There is something new to look at")],
)
@pytest.mark.parametrize(
    "changes",
    [
        {"about": "mediation.case_weighed.v1"},
        {"about": "honour.case_received.v1", "desk": "honour", "municipality": "0999"},
    ],
    ids=["of a type that this code does not know", "of a service that this code does not know"],
)
async def test_a_notice_of_another_version_is_shown_plainly_and_takes_no_page_down(
    database, inbox, changes, language, sentence
):
    known, strange = a_notice(), a_notice(**changes)
    await database[NOTICES].insert_many([known, strange])

    page = await inbox(language=language)

    row = row_of(page, strange)
    assert sentence in row
    assert strange["reference"] in row
    assert "<a " not in row
    assert f'href="/mediation/cases/{known["subject"]}"' in row_of(page, known)


async def test_a_step_that_this_code_does_not_know_is_described_in_general_words(database, inbox):
    notice = a_notice(about="mediation.step_due.v1", step="book_room")
    await database[NOTICES].insert_one(notice)

    row = row_of(await inbox(), notice)

    assert "Frist overskredet: næste skridt i sagen mangler" in row
    assert f'href="/mediation/cases/{notice["subject"]}"' in row


async def test_notices_without_a_deadline_follow_those_with_one_the_newest_first(database, inbox):
    soon, late = a_notice(NOW + timedelta(days=4)), a_notice(NOW + timedelta(days=8))
    old = a_notice(None, created_at=NOW - timedelta(days=2))
    new = a_notice(None, created_at=NOW - timedelta(days=1))
    await database[NOTICES].insert_many([old, late, new, soon])

    page = await inbox()

    assert listed(page) == [notice["_id"] for notice in (soon, late, new, old)]
    assert "Ingen frist" in row_of(page, new)
    assert "Ingen frist" not in row_of(page, late)


async def test_a_recalled_notice_without_a_deadline_is_urgent(database, inbox):
    notice = a_notice(None, reminded_at=NOW)
    await database[NOTICES].insert_many([notice, a_notice(None)])

    page = await inbox("?vis=urgent")

    assert "Påmindelse: ingen har kvitteret endnu." in row_of(page, notice)
    assert page.text.count("data-row=") == 1


async def test_pages_of_a_long_list_show_each_notice_once_dated_or_not(database, inbox):
    dated = [a_notice(NOW + timedelta(days=9, minutes=n)) for n in range(PAGE + 20)]
    dateless = [a_notice(None, created_at=NOW - timedelta(minutes=n)) for n in range(PAGE + 10)]
    await database[NOTICES].insert_many([*dateless, *dated])

    listed = []
    for side in (1, 2, 3):
        unread = (await inbox(f"?side={side}")).text.split('id="ulaest"')[1]
        listed += [row.partition('"')[0] for row in unread.split('data-row="')[1:]]

    assert listed == [notice["_id"] for notice in (*dated, *dateless)]


async def test_the_notices_of_one_case_are_one_line_and_acknowledged_together(database, inbox):
    old = a_notice(NOW + timedelta(days=9), created_at=NOW - timedelta(days=2))
    new = a_notice(None, subject=old["subject"], reference=old["reference"], about="of.later.v1")
    other = a_notice(NOW + timedelta(days=20))
    await database[NOTICES].insert_many([old, new, other])

    page = await inbox()

    assert listed(page) == [old["_id"], other["_id"]]
    assert "1 besked mere i sagen" in row_of(page, old)
    assert "Der er nyt at se på" in row_of(page, old)
    assert (await inbox.bell()).startswith("2<")

    done = await inbox.acknowledge(old, new)

    assert done.status_code == 303
    assert (await inbox.bell()).startswith("1<")
    by = [
        one["acknowledged"][0]["by"]
        async for one in database[NOTICES].find({"subject": old["subject"]})
    ]
    assert by == ["kira", "kira"]


async def test_a_case_stands_once_in_the_section_of_its_most_urgent_notice(database, inbox):
    calm = a_notice(NOW + timedelta(days=9))
    late = a_notice(NOW - timedelta(hours=1), subject=calm["subject"], about="of.later.v1")
    seen = a_notice(None, subject=calm["subject"], acknowledged=[{"by": "kira", "at": NOW}])
    await database[NOTICES].insert_many([calm, late, seen])

    page = await inbox()

    assert listed(page) == [late["_id"]]
    assert 'id="haster"' in page.text
    assert "2 beskeder mere i sagen" in row_of(page, late)


async def test_danger_stands_first_in_red_rings_and_is_not_stopped_by_an_acknowledgement(
    database, inbox
):
    late = a_notice(NOW - timedelta(days=3))
    danger = a_notice(NOW + timedelta(days=30), urgent=True, ended_at=None)
    await database[NOTICES].insert_many([late, danger])

    page = await inbox()

    assert listed(page) == [danger["_id"], late["_id"]]
    row = row_of(page, danger)
    assert "s-urgent" in row
    assert "Kun et noteret 112-opkald" in row
    assert "<form" not in row
    assert "s-alarm" in await inbox.bell()

    await inbox.acknowledge(danger)

    assert listed(await inbox()) == [danger["_id"], late["_id"]]
    assert "s-alarm" in await inbox.bell()


async def test_danger_is_over_when_the_fact_that_ends_it_has_come(database, inbox):
    danger = a_notice(NOW + timedelta(days=30), urgent=True, ended_at=NOW)
    await database[NOTICES].insert_one(danger)

    page = await inbox()

    assert "Afsluttet" in row_of(page, danger)
    assert "s-alarm" not in await inbox.bell()
    assert (await inbox.bell()).startswith("0<")


async def test_a_notice_of_somebody_else_cannot_be_acknowledged_along(database, inbox):
    mine, other = a_notice(), a_notice(role="triage")
    await database[NOTICES].insert_many([mine, other])

    answer = await inbox.acknowledge(mine, other)

    assert answer.status_code == 404
    assert await database[NOTICES].count_documents({"acknowledged": []}) == 2
    [row] = await database.audit.find({"kind": "denied"}).to_list()
    assert (row["who"], row["what"]) == ("staff:kira", mine["_id"])


@pytest.mark.parametrize("typed", ["{}", " {} ", "kr-"])
async def test_the_inbox_is_searched_as_people_type_a_reference(database, inbox, typed):
    notice = a_notice()
    await database[NOTICES].insert_one(notice)
    part = notice["reference"].replace("-", "").lower()[1:7]

    assert listed(await inbox(f"?sag={typed.format(part)}")) == [notice["_id"]]
    assert listed(await inbox("?sag=Fiktivsen")) == []


async def test_reading_the_inbox_and_acknowledging_are_logged(database, inbox):
    notice = a_notice()
    await database[NOTICES].insert_one(notice)

    await inbox()
    assert (await inbox.acknowledge(notice)).status_code == 303

    mine = {"kind": {"$in": ["read_list", "act"]}}
    rows = await database.audit.find(mine).sort("at", 1).to_list()
    assert [(row["kind"], row["who"], row["what"]) for row in rows] == [
        ("read_list", "staff:kira", "notify.inbox"),
        ("act", "staff:kira", notice["_id"]),
    ]
