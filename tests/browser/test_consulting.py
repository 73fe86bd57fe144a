"""Whoever opens a case is in its log first: who, when, why; and without the log nothing is shown."""

from contextlib import contextmanager

import pytest
from pymongo import MongoClient

from tests.browser.test_inbox import MEDIATION, PSP, ROWS, newly_shown, references


@pytest.fixture
def database(stack):
    with MongoClient(stack.mongo("admin"), tz_aware=True) as client:
        yield client


@pytest.mark.parametrize(
    ("service", "person", "example", "more", "why", "basis"),
    [
        ("mediation", "kira", MEDIATION, {}, "read-mediation-case", "mediation_act"),
        ("psp", "peder", PSP, {"municipality": "0630"}, "read-psp-case", "rpl_115"),
    ],
)
async def test_a_case_is_shown_once_its_reading_stands_in_the_log(  # noqa: PLR0913, PLR0917
    as_staff, partners, database, service, person, example, more, why, basis
):
    desk = await as_staff(person)
    before = await references(desk)
    partners.send(example, **more)
    reference = await newly_shown(desk, before)
    link = desk.page.locator(ROWS, has_text=reference).get_by_role("link")
    address = await link.get_attribute("href")
    case_id = address.rsplit("/", 1)[1]
    log = database[service].audit

    with forgetting(database, service):
        answer = await desk.page.goto(desk.site + address)
        assert answer.status == 500
        assert reference not in await desk.page.content()
    assert log.count_documents({"case_id": case_id, "action": "read"}) == 0

    answer = await desk.page.goto(desk.site + address)
    assert answer.status == 200
    [row] = log.find({"case_id": case_id, "action": "read"})
    told = ("who", "why", "basis", "regime", "controller")
    assert [row[each] for each in told] == [
        *(f"staff:{person}", why, basis, "police_law", "sydoestjyllands-politi"),
    ]
    assert row["roles"]
    assert row["at"].tzinfo


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
