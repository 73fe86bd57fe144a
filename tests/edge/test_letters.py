"""A letter and a calendar file under a grant: with the right name in it, and nothing that gives it away."""

import io
import re

import pytest
from icalendar import Calendar
from pypdf import PdfReader

from tests.edge.names_world import FAMILY, FRAME, INSIDE, KIRA, NAMES, a_names_desk

TAB = {"sec-fetch-dest": "document", "sec-fetch-site": "same-origin"}
MEETING = {
    "on": "2026-12-03",
    "begins": "16:00",
    "ends": "17:30",
    "place": "Prøvebiblioteket, mødelokale 2",
}
GIVES_AWAY = re.compile(r"politi|konfliktråd|\bpsp\b|honou?r|æres", re.IGNORECASE)


@pytest.fixture
async def desk(intake, tmp_path):
    async with a_names_desk(intake, tmp_path) as desk:
        yield desk


async def ask(desk, to="harmed", what="letter", headers=TAB, case=None, **changes):
    case_id, parties = case or await desk.a_case()
    cookie, kira = desk.logged_in(KIRA)
    roles = ("responsible",) if to == "responsible" else ("harmed", "guardian")
    asked = [parties[role] for role in roles]
    grant = desk.grant(kira, case_id, asked, purposes=("send_letter",))
    fields = {"grant": grant, "party": str(parties[to]), "do": what, **MEETING, **changes}
    return await desk.post("letter", cookie, headers=headers, **fields)


def text_of(pdf):
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


async def test_a_letter_names_its_party_and_nobody_else_and_says_where_help_is(desk):
    answer = await ask(desk)

    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="indbydelse.pdf"'
    assert answer.headers["cache-control"] == "no-store"
    text = text_of(answer.content)
    assert "Kære Testolina Prøvegaard" in text
    assert "torsdag 3. dec. kl. 16.00-17.30" in text
    assert "Offerrådgivningen på telefon 116 006" in text
    assert "bistandsadvokat" in text
    assert "Hemmelighedsvej" not in text
    assert not any(name in text for name in ("Attrapolf", "Demogaard", "Grete"))
    assert not GIVES_AWAY.search(text)
    assert not GIVES_AWAY.search(str(PdfReader(io.BytesIO(answer.content)).metadata))
    [row] = await desk.log("read")
    assert (row["why"], row["who"]) == ("send_letter", "staff:kira")


async def test_a_letter_beside_names_that_are_shown_is_logged_as_a_letter(desk):
    view = await desk.shown()
    cookie, kira = desk.logged_in(KIRA)
    asked = [view.parties["harmed"]]
    grant = desk.grant(kira, view.case_id, asked, purposes=("arrange_meeting", "send_letter"))
    await desk.post("show", cookie, grant=grant, purpose="arrange_meeting")
    party = str(view.parties["harmed"])

    answer = await desk.post(
        "letter", cookie, headers=TAB, grant=grant, party=party, do="letter", **MEETING
    )

    assert answer.headers["content-type"] == "application/pdf"
    assert (await desk.log("read"))[-1]["why"] == "send_letter"


async def test_a_letter_to_the_other_side_has_the_address_and_no_advice_for_victims(desk):
    text = text_of((await ask(desk, "responsible")).content)

    assert "Synligvej 3" in text
    assert "Offerrådgivningen" not in text
    assert "Testolina" not in text


async def test_a_calendar_file_says_when_and_where_and_not_with_whom(desk):
    answer = await ask(desk, what="calendar")

    assert answer.headers["content-disposition"] == 'attachment; filename="indbydelse.ics"'
    [event] = Calendar.from_ical(answer.content).walk("VEVENT")
    assert event.start.isoformat() == "2026-12-03T16:00:00+01:00"
    assert event.end.isoformat() == "2026-12-03T17:30:00+01:00"
    assert (event["summary"], event["location"]) == ("Møde", MEETING["place"])
    assert not GIVES_AWAY.search(answer.text)
    assert not any(name in answer.text for name in NAMES)


async def test_a_name_is_text_and_never_a_template(desk):
    trick = {"given": '#panic("x") *fed* $x$', "family": '"} #read("/etc/passwd")'}
    people = [FAMILY[0] | {"name": trick}, *FAMILY[1:]]

    answer = await ask(desk, case=await desk.a_case(people=people))

    text = text_of(answer.content)
    assert '#panic("x") *fed* $x$' in text
    assert "root:" not in text


@pytest.mark.parametrize(
    "wrong",
    [
        {"on": ""},
        {"on": "2026-13-01"},
        {"begins": "18:00"},
        {"ends": "x"},
        {"place": " "},
        {"place": "x" * 121},
        {"place": "Politigården, Vejle"},
        {"place": "Konfliktråd"},
    ],
    ids=str,
)
@pytest.mark.parametrize("what", ["letter", "calendar"])
async def test_nothing_is_made_without_a_day_a_time_and_a_neutral_place(desk, wrong, what):
    answer = await ask(desk, what=what, **wrong)

    assert answer.status_code == 422
    assert "content-disposition" not in answer.headers
    assert not any(name in answer.text for name in NAMES)


@pytest.mark.parametrize("headers", [{"sec-fetch-dest": "empty", "sec-fetch-site": "same-origin"}])
async def test_no_script_fetches_a_letter(desk, headers):
    answer = await ask(desk, headers=headers)

    assert answer.status_code == 400
    assert not answer.content.startswith(b"%PDF")


async def test_nobody_gets_a_letter_for_whom_another_safe_way_was_recorded(desk):
    view = await desk.shown()
    token = view.tokens["Ret sikker kontakt"][0]
    await desk.post("change", headers=INSIDE, token=token, channel="phone")

    answer = await ask(desk, case=(view.case_id, view.parties))

    assert answer.status_code == 409
    assert "Der er registreret en anden sikker vej til personen." in answer.text


async def test_a_party_of_the_other_side_gets_no_letter_under_this_grant(desk):
    case = await desk.a_case()

    answer = await ask(desk, case=case, party=str(case[1]["responsible"]))

    assert (answer.status_code, "Attrapolf" in answer.text) == (409, False)


async def test_a_grant_that_does_not_offer_letters_makes_none(desk):
    view = await desk.shown()
    cookie, kira = desk.logged_in(KIRA)
    grant = desk.grant(kira, view.case_id, [view.parties["harmed"]])
    fields = {"grant": grant, "party": str(view.parties["harmed"]), **MEETING}

    answer = await desk.post("letter", cookie, headers=FRAME, **fields)

    assert answer.status_code == 422
    assert not answer.content.startswith(b"%PDF")
