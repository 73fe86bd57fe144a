"""A report that says danger to life, on a real database: the alarm, its page, the note that ends it."""

from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.intake.pages import TEMPLATES, make_pages
from services.intake.report_page import make_report_page
from services.intake.triage import make_timers
from shared.cases.commands.form_keys import prepare_keys
from shared.contracts.references import case_reference
from shared.engine.timers.scheduler import Scheduler
from shared.staff.access import Staff
from tests.door import Door

SOFIE = Staff("sofie", "Sofie Testesen", "x", ("triage",), ("1463",))
LENA = Staff("lena", "Lena Testesen", "x", ("leader",), ("1463",))
VIGGO = Staff("viggo", "Viggo Testesen", "x", ("duty-officer",), ("1463",))
KIRA = Staff("kira", "Kira Demosen", "x", ("mediation-coordinator",), ("1463",))
DANGER = {"danger_to_life": True}
CALLED = {"note": "called_112"}
HIDDEN = ("Testa", "de mødtes ved stationen")


class Site:
    """The pages of intake, as staff reach them."""

    def __init__(self, intake, folder):
        self.intake, self.db = intake, intake.db
        self.app = FastAPI()
        self.app.include_router(make_pages(intake.store))
        self.app.include_router(make_report_page(intake.store))
        self.door = Door(self.app, intake.store, folder, service="intake", templates=TEMPLATES)

    def browser(self, staff):
        headers = {"cookie": self.door.cookie(staff), "accept": "text/html"}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://site", headers=headers
        )

    async def arrives(self, **changes):
        await self.intake.arrive(self.intake.record(**changes))
        return (await self.db.reports.find_one())["_id"]

    async def open(self, staff, path):
        async with self.browser(staff) as site:
            return await site.get(f"/intake/triage{path}")

    async def note(self, staff, report_id, note, *, revision=0, key=None):
        content = {"form_key": key or str(uuid4()), "revision": str(revision), "note": note}
        async with self.browser(staff) as site:
            return await site.post(f"/intake/triage/{report_id}/note-danger", data=content)

    async def signals(self):
        sent = [each for each in await self.intake.sent() if each.topic == "intake.signals"]
        return [(each.envelope.type, each.envelope.sequence) for each in sent]

    async def log(self, report_id):
        rows = await self.db.audit.find({"case_id": report_id}).sort("at", 1).to_list()
        return [(row["action"], row["who"], row["basis"]) for row in rows]


@pytest.fixture
async def site(intake, tmp_path):
    await prepare_keys(intake.store)
    site = Site(intake, tmp_path)
    await site.door.know(SOFIE, LENA, VIGGO, KIRA)
    return site


async def test_a_waiting_report_is_opened_without_names_and_the_reading_is_logged(site):
    report_id = await site.arrives(process=None)

    for staff, status in ((SOFIE, 200), (LENA, 200), (VIGGO, 404), (KIRA, 404)):
        answer = await site.open(staff, f"/{report_id}")
        assert answer.status_code == status
        assert all(words not in answer.text for words in HIDDEN)
    page = (await site.open(SOFIE, f"/{report_id}")).text
    for words in ("Vejle", "Skole", "S-1", "Forurettet", "Navne og fritekst er skjult"):
        assert words in page
    assert 'name="form_key"' not in page
    assert f'href="/intake/triage/{report_id}"' in (await site.open(SOFIE, "")).text
    assert {row[:2] for row in await site.log(report_id)} == {
        *(("read", "staff:sofie"), ("read", "staff:lena")),
        *(("denied", "staff:viggo"), ("denied", "staff:kira")),
    }
    assert (await site.open(SOFIE, f"/{uuid4()}")).status_code == 404


@pytest.mark.parametrize("process", [None, "mediation", "psp"])
async def test_a_danger_raises_one_alarm_whether_or_not_the_report_has_a_case(site, process):
    more = {"disclosure": DISCLOSURE} if process == "psp" else {}
    report_id = await site.arrives(process=process, details=DANGER, **more)
    await site.arrives(process=process, details=DANGER, **more)  # the same again

    danger = [each for each in await site.signals() if "danger" in each[0]]
    assert danger == [("intake.danger_reported.v1", 2 if process is None else 1)]
    for staff in (SOFIE, LENA, VIGGO):
        page = (await site.open(staff, f"/{report_id}")).text
        assert "Ring 112 nu" in page
        assert ("Forurettet" in page) is (process is None)
    assert report_id in (await site.open(SOFIE, "")).text


async def test_a_note_with_name_and_time_ends_the_alarm_once(site):
    report_id, key = await site.arrives(process=None, details=DANGER), str(uuid4())

    answers = [await site.note(VIGGO, report_id, "called_112", key=key) for _ in range(2)]

    assert {answer.headers["location"] for answer in answers} == {
        f"/intake/triage/{report_id}?gemt=1"
    }
    assert (await site.signals())[-1] == ("intake.danger_noted.v1", 3)
    page = (await site.open(SOFIE, f"/{report_id}")).text
    assert "Viggo Testesen. Fare for liv: 112 ringet op." in page
    assert "Ring 112 nu" not in page
    assert "Ring 112 nu" not in (listed := (await site.open(SOFIE, "")).text)
    assert "112 ringet op" in listed
    assert ("note-danger", "staff:viggo", "police_act_1_2") in await site.log(report_id)
    assert await site.db.due.count_documents({"name": "danger"}) == 0


async def test_no_danger_can_still_become_a_call_and_a_call_stays(site):
    report_id = await site.arrives(process=None, details=DANGER)

    first = await site.note(SOFIE, report_id, "no_danger")
    stale = await site.note(LENA, report_id, "called_112")
    second = await site.note(LENA, report_id, "called_112", revision=1)
    back = await site.note(SOFIE, report_id, "no_danger", revision=2)

    assert [each.status_code for each in (first, stale, second, back)] == [303, 409, 303, 409]
    assert "Det er allerede noteret." in back.text
    assert [each[0] for each in await site.signals()][-2:] == ["intake.danger_noted.v1"] * 2


async def test_who_may_not_note_learns_nothing_and_a_report_without_danger_takes_no_note(site):
    report_id = await site.arrives(process=None)

    answers = [await site.note(staff, report_id, "no_danger") for staff in (KIRA, VIGGO, SOFIE)]

    assert [answer.status_code for answer in answers] == [404, 404, 409]
    assert [each[0] for each in await site.signals()] == ["intake.triage_waiting.v1"]


async def test_an_arrival_of_the_same_report_after_the_note_keeps_it(site):
    report_id = await site.arrives(process=None, details=DANGER)
    await site.note(SOFIE, report_id, "no_danger")

    await site.arrives(process=None, details=DANGER)

    stored = await site.db.reports.find_one()
    assert (stored["danger_note"], stored["revision"], stored["arrivals"]) == ("no_danger", 1, 2)


@pytest.mark.parametrize("noted", [False, True])
async def test_at_the_end_of_office_hours_the_duty_officers_are_told_of_a_danger_without_a_note(
    site, noted
):
    report_id = await site.arrives(process="mediation", details=DANGER)
    due = {"name": "danger", "subject": report_id}
    if noted:
        await site.note(SOFIE, report_id, "no_danger")
        assert await site.db.due.count_documents(due) == 0
        return
    passed = {"due_at": site.intake.now - timedelta(days=400)}
    passed["look_at"] = passed["due_at"]
    assert (await site.db.due.update_one(due, {"$set": passed})).matched_count == 1
    scheduler = Scheduler(site.intake.store, make_timers(), holder="one")

    assert await scheduler.owns()
    await scheduler.fire()

    assert (await site.signals())[-1] == ("intake.danger_overdue.v1", 2)
    assert await site.db.due.count_documents(due) == 0


DISCLOSURE = {
    "form": "PSP",
    "basis": "115-2",
    "purpose": "p",
    "necessity": "n",
    "items": [{"what": "w", "kind": "fact", "source": "s", "date": "2026-11-14"}],
    "recipients": [{"authority": "police", "role": "PSP-kontakt"}],
    "decided_by": "d",
}


@pytest.mark.parametrize("typed", ["{own}", "s-1", "S1", "{part}"])
async def test_a_waiting_report_is_found_by_its_number_or_the_partners_reference(site, typed):
    report_id = await site.arrives(process=None)
    own = case_reference(None, UUID(report_id)).lower()
    wanted = typed.format(own=own, part=own.replace("-", "")[3:7])

    page = (await site.open(SOFIE, f"?sag={wanted}")).text

    assert f'href="/intake/triage/{report_id}"' in page


@pytest.mark.parametrize("typed", ["S-2", "010190-1234", "0101901234", ".*", "-"])
async def test_what_is_no_part_of_either_finds_no_report(site, typed):
    report_id = await site.arrives(process=None)

    page = (await site.open(SOFIE, f"?sag={typed}")).text

    assert f'href="/intake/triage/{report_id}"' not in page
    assert "Ingen henvendelser passer" in page
