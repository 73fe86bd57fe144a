"""The inbox page on a real database: what lies there is shown, whatever the code knows of it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import Response

from services.notify.directory import Directory
from services.notify.domain import notices_of
from services.notify.handlers import CASES
from services.notify.live import Live
from services.notify.notices import NOTICES, PAGE, prepare, stored
from services.notify.pages import TEMPLATES, make_pages
from shared import web
from shared.contracts import mediation
from shared.engine import Store
from shared.staff.access import Staff

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
    secret = tmp_path / "session.secret"
    secret.write_text("x" * 32)
    settings = SimpleNamespace(
        site_url="http://site",
        issuer="",
        client_secret_file=None,
        session_secret_file=secret,
        assets_dir=None,
        demo=False,
    )
    app = FastAPI()
    store = Store(database.client, database.name, cases=CASES)
    app.include_router(make_pages(database, store, Directory(database), Live(database)))
    web.install(app, settings, service="notify", templates=TEMPLATES)
    session = Response()
    app.state.sessions.open(session, KIRA)
    cookie = session.headers["set-cookie"].split(";")[0]

    async def read(query="", language="da"):
        headers = {"cookie": f"{cookie}; sprog={language}"}
        return await site.get(f"/notify/inbox{query}", headers=headers)

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
    return [row.partition("</li>")[0] for row in page.text.split("<li ")[1:]]


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

    shown = [
        row.split('data-row="')[1].partition('"')[0] for row in rows(page) if "data-row" in row
    ]
    assert shown == [notice["_id"] for notice in (soon, late, new, old)]
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
