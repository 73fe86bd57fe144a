"""Staff who open a case are logged first: who, when, why; without the log nothing is shown.

Staff who may not see it are logged too, and learn nothing: not even whether there is such a case.
"""

from contextlib import contextmanager
from uuid import uuid4

import pytest
from pymongo import MongoClient

from tests.browser.test_inbox import MEDIATION, PSP, ROWS, newly_shown, references

PSP_RIGHTS = ["read-psp-case", "read-disclosed-items"]


@pytest.fixture
def database(stack):
    with MongoClient(stack.mongo("admin"), tz_aware=True) as client:
        yield client


@pytest.mark.parametrize(
    ("service", "person", "example", "more", "why", "basis"),
    [
        ("mediation", "kira", MEDIATION, {}, ["read-mediation-case"], "mediation_act"),
        ("psp", "peder", PSP, {"municipality": "0630"}, PSP_RIGHTS, "rpl_115"),
    ],
)
async def test_a_case_is_shown_once_its_reading_is_logged(  # noqa: PLR0913, PLR0917
    as_staff, partners, database, service, person, example, more, why, basis
):
    browser = await as_staff(person)
    before = await references(browser)
    partners.send(example, **more)
    reference = await newly_shown(browser, before)
    link = browser.page.locator(ROWS, has_text=reference).get_by_role("link")
    address = await link.get_attribute("href")
    case_id = address.rsplit("/", 1)[1]
    log = database[service].audit

    with forgetting(database, service):
        answer = await browser.page.goto(browser.site + address)
        assert answer.status == 503
        assert reference not in await browser.page.content()
    assert log.count_documents({"case_id": case_id, "action": "read"}) == 0

    answer = await browser.page.goto(browser.site + address)
    assert answer.status == 200
    rows = log.find({"case_id": case_id, "action": "read"}).sort("at", 1).to_list()
    columns = ("who", "why", "basis", "regime", "controller")
    assert [[row[each] for each in columns] for row in rows] == [
        [f"staff:{person}", right, basis, "police_law", "sydoestjyllands-politi"] for right in why
    ]
    assert all(row["roles"] and row["at"].tzinfo for row in rows)


@pytest.mark.parametrize(
    ("service", "owner", "person", "example", "why"),
    [
        ("mediation", "kira", "peder", MEDIATION, "read-mediation-case"),
        ("psp", "peder", "hanne", PSP, "read-psp-case"),
    ],
)
async def test_staff_who_may_not_see_a_case_are_logged_and_learn_nothing(
    as_staff, partners, database, service, owner, person, example, why
):
    browser, other = await as_staff(owner), await as_staff(person)
    before = await references(browser)
    partners.send(example, municipality="0630")
    reference = await newly_shown(browser, before)
    link = browser.page.locator(ROWS, has_text=reference).get_by_role("link")
    there = (await link.get_attribute("href")).rsplit("/", 1)[1]
    nowhere = str(uuid4())
    log = database[service].audit

    async def answers():
        collected = []
        for case_id in (there, nowhere):
            answer = await other.page.goto(f"{other.site}/{service}/cases/{case_id}")
            collected.append((answer.status, await other.page.locator("main").inner_text()))
        return collected

    shown, unknown = await answers()
    assert shown == unknown
    assert shown[0] == 404
    for case_id in (there, nowhere):
        [row] = log.find({"case_id": case_id, "who": f"staff:{person}"})
        assert (row["action"], row["why"], row["what"]) == ("denied", why, case_id)
        assert row["roles"]
        assert row["at"].tzinfo

    with forgetting(database, service):
        assert [status for status, _ in await answers()] == [503, 503]


@contextmanager
def forgetting(database, service):
    """Let the service's log take no entry."""
    data = {"failCommands": ["insert"], "namespace": f"{service}.audit", "errorCode": 8}
    on = {"configureFailPoint": "failCommand", "mode": "alwaysOn", "data": data}
    database.admin.command(on)
    try:
        yield
    finally:
        database.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
