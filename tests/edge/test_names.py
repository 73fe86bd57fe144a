"""Names at the moment of showing: who gets them, who does not, and what the log says of both."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from bson.binary import Binary

from tests.edge.names_world import (
    FRAME,
    INSIDE,
    KIRA,
    MONA,
    NAMES,
    PIA,
    SARA,
    a_names_desk,
    tokens_in,
)
from tests.edge.test_intake import a_disclosure
from tests.signing import KeyPairs


@pytest.fixture
async def desk(intake, tmp_path):
    async with a_names_desk(intake, tmp_path) as desk:
        yield desk


def names_in(text):
    return [name for name in NAMES if name in text]


async def test_a_grant_shows_one_side_for_one_purpose_and_logs_it_first(desk):
    view = await desk.shown()

    assert view.answer.status_code == 200
    assert names_in(view.text) == ["Testolina", "Grete", "Prøvegaard"]
    assert 'href="tel:+4500000001"' in view.text
    assert "Kun Kira Prøvesen ser dette" in view.text
    [row] = await desk.log()
    assert (row["action"], row["who"], row["why"]) == ("read", "staff:kira", "arrange_meeting")
    assert row["case_id"] == view.case_id
    assert row["recipients"] == ["service:mediation"]
    assert len(row["person_ids"]) == 2
    assert not names_in(str(row))


async def test_a_protected_address_is_shown_to_nobody_and_another_is_shown(desk):
    harmed = await desk.shown()
    other = await desk.shown(roles=("responsible",), case=(harmed.case_id, harmed.parties))

    assert "Adressen er beskyttet og vises ikke for nogen." in harmed.text
    assert "Hemmelighedsvej" not in harmed.text
    assert "Synligvej 3" in other.text


async def test_the_answer_has_no_origin_is_not_kept_and_empties_itself(desk):
    headers = (await desk.shown()).answer.headers

    policy = headers["content-security-policy"]
    assert policy.startswith(
        "sandbox allow-forms allow-top-navigation-to-custom-protocols; default-src 'none';"
    )
    assert "frame-ancestors 'self'" in policy
    assert "allow-same-origin" not in policy
    assert "allow-scripts" not in policy
    assert headers["cache-control"] == "no-store"
    seconds, address = headers["refresh"].split("; url=")
    assert int(seconds) <= 900
    assert address == "/intake/names/gone"


# What is refused

WRONG = {
    "another service's case": {"issuer": "psp"},
    "a case that is not there": {"case_id": str(uuid4())},
    "a party of another case": {"parties": [uuid4()]},
    "somebody else's grant": {"grant": {"staff_id": "mona"}},
    "another session": {"grant": {"session": "elsewhere"}},
    "a service without cases": {"issuer": "notify"},
    "a late grant of somebody else": {"grant": {"staff_id": "mona"}, "ago": timedelta(hours=1)},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_what_is_not_this_persons_grant_for_this_case_does_not_exist(desk, wrong):
    case_id, parties = await desk.a_case()
    cookie, kira = desk.logged_in(KIRA)
    grant = desk.grant(
        kira,
        wrong.get("case_id", case_id),
        wrong.get("parties", [parties["harmed"]]),
        issuer=wrong.get("issuer", "mediation"),
        now=desk.intake.now - wrong.get("ago", timedelta(0)),
        **wrong.get("grant", {}),
    )

    answer = await desk.post("show", cookie, grant=grant, purpose="arrange_meeting")

    assert answer.status_code == 404
    assert "Af hensyn til fortroligheden er svaret altid det samme." in answer.text
    assert "Åbn formularen igen" not in answer.text
    assert not names_in(answer.text)
    [row] = await desk.log()
    assert (row["action"], row["who"]) == ("denied", "staff:kira")


async def test_a_key_that_is_not_the_services_opens_nothing(desk, tmp_path):
    case_id, parties = await desk.a_case()
    cookie, kira = desk.logged_in(KIRA)
    forger = KeyPairs.lay(tmp_path / "forger", "mediation")
    desk.pairs, ours = forger, desk.pairs
    grant = desk.grant(kira, case_id, [parties["harmed"]])
    desk.pairs = ours

    answer = await desk.post("show", cookie, grant=grant, purpose="arrange_meeting")

    assert (answer.status_code, names_in(answer.text)) == (404, [])


@pytest.mark.parametrize(
    ("staff", "named", "allowed"),
    [
        (KIRA, False, True),
        (MONA, False, False),
        (MONA, True, True),
        (SARA, True, False),
        (PIA, True, False),
    ],
    ids=lambda each: getattr(each, "id", each),
)
async def test_a_grant_only_narrows_what_intakes_own_table_allows(desk, staff, named, allowed):
    case_id, parties = await desk.a_case()
    cookie, staff = desk.logged_in(staff)
    grant = desk.grant(staff, case_id, [parties["harmed"]], named=named)

    answer = await desk.post("show", cookie, grant=grant, purpose="arrange_meeting")

    assert (answer.status_code, bool(names_in(answer.text))) == (
        (200, True) if allowed else (404, False)
    )


async def test_a_grant_is_used_once(desk):
    view = await desk.shown()

    again = await desk.post("show", view.cookie, grant=view.grant, purpose="arrange_meeting")

    assert (again.status_code, names_in(again.text)) == (410, [])
    assert "Åbn formularen igen" in again.text
    assert [row["why"] for row in await desk.log("denied")] == ["used"]


async def test_a_late_grant_opens_the_form_again_with_the_reason_that_was_typed(desk):
    case_id, parties = await desk.a_case()
    cookie, kira = desk.logged_in(KIRA)
    grant = desk.grant(kira, case_id, [parties["harmed"]])
    desk.intake.now += timedelta(seconds=301)

    answer = await desk.post(
        "show", cookie, grant=grant, purpose="other", reason='Ringe <"tilbage">'
    )

    assert (answer.status_code, names_in(answer.text)) == (410, [])
    assert f'action="/mediation/cases/{case_id}/names/harmed"' in answer.text
    assert 'value="other"' in answer.text
    assert "Ringe &lt;&#34;tilbage&#34;&gt;" in answer.text
    assert "sandbox" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "purpose"),
        ({"purpose": "send_letter"}, "purpose"),
        ({"purpose": "other"}, "reason"),
        ({"purpose": "other", "reason": "  "}, "reason"),
    ],
)
async def test_nothing_is_shown_without_a_purpose_that_says_enough(desk, fields, why):
    case_id, parties = await desk.a_case()
    cookie, kira = desk.logged_in(KIRA)
    grant = desk.grant(kira, case_id, [parties["harmed"]])

    answer = await desk.post("show", cookie, grant=grant, **fields)

    assert (answer.status_code, names_in(answer.text)) == (422, [])
    assert [row["why"] for row in await desk.log()] == [why]


async def test_a_typed_reason_lies_sealed_beside_its_row(desk):
    case_id, parties = await desk.a_case()
    cookie, kira = desk.logged_in(KIRA)
    grant = desk.grant(kira, case_id, [parties["harmed"]])

    answer = await desk.post("show", cookie, grant=grant, purpose="other", reason="Moster Oda")

    assert answer.status_code == 200
    assert b"Moster Oda" not in await desk.intake.everything()
    [row] = await desk.log()
    kept = await desk.db.name_reasons.find_one({"_id": row["_id"]})
    assert (await desk.intake.keys.decrypt(kept["sealed"])).decode() == "Moster Oda"


@pytest.mark.parametrize(
    "dest", [None, "empty", "object", "embed", "script", "image", "frame", "serviceworker"]
)
async def test_the_answer_goes_to_a_frame_or_a_tab_and_to_no_script(desk, dest):
    case_id, parties = await desk.a_case()
    cookie, kira = desk.logged_in(KIRA)
    grant = desk.grant(kira, case_id, [parties["harmed"]])
    headers = {"sec-fetch-site": "same-origin", **({"sec-fetch-dest": dest} if dest else {})}

    answer = await desk.post(
        "show", cookie, headers=headers, grant=grant, purpose="arrange_meeting"
    )

    assert (answer.status_code, names_in(answer.text)) == (400, [])
    assert "Chrome og Edge fra version 80, Firefox fra 90 og Safari fra 16.4" in answer.text
    assert [row["why"] for row in await desk.log()] == ["destination"]


async def test_the_same_page_opens_in_a_tab(desk):
    case_id, parties = await desk.a_case()
    cookie, kira = desk.logged_in(KIRA)
    grant = desk.grant(kira, case_id, [parties["harmed"]])
    tab = {"sec-fetch-dest": "document", "sec-fetch-site": "same-origin"}

    answer = await desk.post("show", cookie, headers=tab, grant=grant, purpose="arrange_meeting")

    assert answer.status_code == 200
    assert "Testolina" in answer.text


async def test_whoever_is_logged_off_is_asked_to_log_in_and_sees_nothing(desk):
    view = await desk.shown()

    answer = await desk.post("extend", grant=view.grant, do="extend")

    assert (answer.status_code, names_in(answer.text)) == (401, [])
    assert "Du er logget af" in answer.text


# Longer, and no longer


async def test_one_click_shows_it_a_quarter_of_an_hour_longer_for_the_same_purpose(desk):
    view = await desk.shown()
    desk.intake.now += timedelta(minutes=14)

    answer = await desk.post("extend", view.cookie, grant=view.grant, do="extend")

    assert answer.status_code == 200
    assert "Testolina" in answer.text
    assert [(row["action"], row["why"]) for row in await desk.log()] == [
        ("read", "arrange_meeting")
    ] * 2


async def test_what_is_out_of_sight_is_not_made_longer_and_ends_within_the_hour(desk):
    view = await desk.shown()
    begun = desk.intake.now
    statuses = []
    for minutes in (14, 28, 42, 56, 59, 60):
        desk.intake.now = begun + timedelta(minutes=minutes)
        answer = await desk.post("extend", view.cookie, grant=view.grant, do="extend")
        statuses.append(answer.status_code)
    assert statuses == [200, 200, 200, 200, 200, 410]

    late = await desk.shown(case=(view.case_id, view.parties))
    desk.intake.now += timedelta(minutes=15)
    answer = await desk.post("extend", late.cookie, grant=late.grant, do="extend")
    assert (answer.status_code, names_in(answer.text)) == (410, [])


async def test_a_showing_that_was_hidden_stays_hidden(desk):
    view = await desk.shown()

    hidden = await desk.post("extend", view.cookie, grant=view.grant, do="hide")
    again = await desk.post("extend", view.cookie, grant=view.grant, do="extend")

    assert (hidden.status_code, names_in(hidden.text)) == (200, [])
    assert again.status_code == 410


async def test_a_showing_is_made_longer_in_its_own_session_alone(desk):
    view = await desk.shown()
    other, _ = desk.logged_in(MONA)
    unknown = desk.grant(view.staff, view.case_id, [view.parties["harmed"]])

    for cookie, grant in ((other, view.grant), (view.cookie, unknown), (view.cookie, "x")):
        answer = await desk.post("extend", cookie, grant=grant, do="extend")
        assert (answer.status_code, names_in(answer.text)) == (404, [])


# The forms inside


async def test_a_form_inside_works_without_a_cookie_and_from_no_origin(desk):
    view = await desk.shown()

    answer = await desk.post(
        "change",
        headers=INSIDE,
        token=view.tokens["Ret navn og kontakt"][1],
        given="Grete",
        family="Attrapgaard",
        phone="00 00 00 07",
        birth_date="1980-01-01",
    )

    assert answer.status_code == 200
    assert "Oplysningerne er rettet." in answer.text
    assert "Attrapgaard" in answer.text
    assert "tel:+4500000007" in answer.text


async def test_a_form_of_the_site_from_elsewhere_is_still_refused(desk):
    view = await desk.shown()

    for headers in (
        {**FRAME, "sec-fetch-site": "cross-site", "origin": "https://evil.example"},
        {**FRAME, "sec-fetch-site": "same-site", "origin": "http://other.site"},
    ):
        for path in ("show", "extend", "change"):
            answer = await desk.post(path, view.cookie, headers=headers, grant=view.grant)
            assert answer.status_code == 400
    for path in ("show", "extend"):
        answer = await desk.post(path, view.cookie, headers=INSIDE, grant=view.grant)
        assert answer.status_code == 400


async def test_a_token_is_used_once_and_another_form_does_not_take_it(desk):
    view = await desk.shown()
    [token, _] = view.tokens["Ret sikker kontakt"]
    fields = {"channel": "phone", "from_hour": "15", "to_hour": "20"}

    first = await desk.post("change", headers=INSIDE, token=token, **fields)
    again = await desk.post("change", headers=INSIDE, token=token, **fields)

    assert (first.status_code, again.status_code) == (200, 410)
    assert "Ring kl. 15-20" in first.text
    assert "Læg ikke besked." in first.text
    assert not names_in(again.text)
    assert await desk.db.said.count_documents({"staff": "kira"}) == 1


@pytest.mark.parametrize(
    "how",
    ["no token", "another", "after the showing", "no right any more", "logged off", "removed"],
)
async def test_a_form_without_a_live_token_changes_and_shows_nothing(desk, how):
    view = await desk.shown()
    token = view.tokens["Ret navn og kontakt"][0]
    if how == "after the showing":
        desk.intake.now += timedelta(minutes=15)
    if how == "no right any more":
        await desk.door.know(replace(KIRA, roles=()))
    if how == "logged off":
        await desk.door.end(view.staff.session)
    if how == "removed":
        await desk.door.know(KIRA, active=False)
    sent = {"no token": "", "another": "x" * 43}.get(how, token)

    answer = await desk.post("change", headers=INSIDE, token=sent, given="Ny")

    assert (answer.status_code, names_in(answer.text)) == (410, [])
    assert await desk.db.said.count_documents({"staff": "kira"}) == 0


async def test_a_form_that_a_script_sends_gets_nothing(desk):
    view = await desk.shown()
    token = view.tokens["Ret navn og kontakt"][0]

    answer = await desk.post(
        "change", headers={**INSIDE, "sec-fetch-dest": "empty"}, token=token, given="Ny"
    )

    assert (answer.status_code, names_in(answer.text)) == (400, [])
    assert await desk.db.said.count_documents({"staff": "kira"}) == 0


async def test_a_wrong_field_comes_back_with_what_was_typed_and_keeps_nothing(desk):
    view = await desk.shown()

    answer = await desk.post(
        "change",
        headers=INSIDE,
        token=view.tokens["Ret navn og kontakt"][0],
        given="Testolina",
        family="Nyt",
        phone="halløj",
        birth_date="2030-01-01",
    )

    assert answer.status_code == 422
    assert "Kontrollér »Telefon«." in answer.text
    assert 'value="halløj"' in answer.text
    assert await desk.db.said.count_documents({"staff": "kira"}) == 0
    again = tokens_in(answer.text)["Ret navn og kontakt"][0]
    done = await desk.post(
        "change", headers=INSIDE, token=again, given="Testolina", family="Nyt", phone="00000001"
    )
    assert done.status_code == 200


async def told(desk):
    return [
        sent for sent in await desk.intake.sent() if sent.envelope.type.startswith("intake.party")
    ]


async def test_a_parent_is_added_with_custody_and_the_case_is_told_by_pseudonym(desk):
    view = await desk.shown()

    answer = await desk.post(
        "change",
        headers=INSIDE,
        token=view.tokens["Tilføj person"][0],
        role="guardian",
        given="Farolf",
        family="Prøvegaard",
        cpr="010180-4123",
        child=str(view.parties["harmed"]),
        custody="joint",
    )

    assert answer.status_code == 200
    assert "Farolf" in answer.text
    joined, changed = await told(desk)
    assert joined.envelope.type == "intake.party_joined.v1"
    party = joined.body["party"]
    assert (party["role"], party["category"], party["minor"], party["age_band"]) == (
        *("guardian", "other", False),
        "25_plus",
    )
    assert changed.body["party"]["custody_holders"] == [
        str(view.parties["guardian"]),
        party["party_id"],
    ]
    assert [sent.envelope.sequence for sent in (joined, changed)] == [2, 3]
    case = await desk.db.cases.find_one({"_id": view.case_id})
    assert [row["holder"] for row in case["custody"]] == [party["party_id"]]
    assert "Farolf" not in str([sent.body for sent in await desk.intake.sent()])
    assert b"Farolf" not in await desk.intake.everything()


async def test_the_end_of_custody_is_told(desk):
    view = await desk.shown()

    answer = await desk.post(
        "change",
        headers=INSIDE,
        token=view.tokens["Forældremyndighed er ophørt"][0],
        holder=str(view.parties["guardian"]),
    )

    assert answer.status_code == 200
    [changed] = await told(desk)
    assert changed.body["party"]["custody_holders"] == []


async def test_protection_that_is_learned_reaches_all_cases_of_the_process(desk):
    people = {"cpr": "010180-4123"}
    first = await desk.a_case("S-1", people=[family_member(**people)])
    second = await desk.a_case("S-2", people=[family_member(**people)])
    view = await desk.shown(roles=("responsible",), case=first)

    answer = await desk.post(
        "change",
        headers=INSIDE,
        token=view.tokens["Ret navn og kontakt"][0],
        given="Attrapolf",
        family="Demogaard",
        street="Synligvej 3",
        postal_code="7100",
        city="Vejle",
        protected="yes",
    )

    assert answer.status_code == 200
    assert "Synligvej" not in answer.text
    assert {(sent.key, sent.body["party"]["address_protected"]) for sent in await told(desk)} == {
        (first[0], True),
        (second[0], True),
    }
    person = await desk.db.persons.find_one({"address_protected": True})
    assert person is not None


async def test_what_was_said_for_another_process_is_not_shown_and_its_protection_counts(desk):
    known = {"cpr": "010180-4123", "phone": "+4500000077", "email": "skjult@example.org"}
    hidden = family_member(**known, role="subject", address_protected=True)
    await desk.intake.arrive(
        desk.intake.record(
            reference="P-1",
            process="psp",
            people=[hidden],
            disclosure=a_disclosure("PSP", "115-1-2"),
        )
    )
    member = family_member(cpr="010180-4123")
    case = await desk.a_case("S-1", people=[member])

    view = await desk.shown(roles=("responsible",), case=case)

    assert view.answer.status_code == 200
    assert "Attrapolf" in view.text
    for secret in ("00 00 00 77", "00000077", "skjult@example.org", "Synligvej"):
        assert secret not in view.text
    answer = await desk.post(
        "change",
        headers=INSIDE,
        token=view.tokens["Ret navn og kontakt"][0],
        given="Attrapolf",
        family="Demogaard",
        phone="11223344",
    )
    assert answer.status_code == 200
    assert "11 22 33 44" in answer.text


async def test_an_address_stays_hidden_in_the_forms_too_where_what_protects_it_is_damaged(desk):
    cpr = "010180-4123"
    await desk.a_case("S-1", people=[family_member(cpr=cpr, address_protected=True)])
    await desk.db.said.update_one({}, {"$set": {"sealed": Binary(b"damaged", 6)}})
    case = await desk.a_case("S-2", people=[family_member(cpr=cpr)])

    view = await desk.shown(roles=("responsible",), case=case)

    assert view.answer.status_code == 200
    assert "Adressen er beskyttet og vises ikke for nogen." in view.text
    assert "Synligvej" not in view.text


def family_member(**changes):
    return {
        "label": "b",
        "role": "responsible",
        "category": "other",
        "name": {"given": "Attrapolf", "family": "Demogaard"},
        "address": {"street": "Synligvej 3", "postal_code": "7100", "city": "Vejle"},
    } | changes


async def test_each_change_is_logged_with_who_did_what_to_whom(desk):
    view = await desk.shown()
    await desk.post(
        "change",
        headers=INSIDE,
        token=view.tokens["Ret sikker kontakt"][0],
        channel="in_person",
    )

    [row] = await desk.db.audit.find({"kind": "act"}).to_list()

    assert (row["who"], row["case_id"], row["action"]) == (
        *("staff:kira", view.case_id),
        "set-safe-way",
    )
    assert len(row["person_ids"]) == 1


async def test_an_erased_person_is_said_to_be_erased(desk):
    case = await desk.a_case()
    person = await desk.db.persons.find_one({"party_ids.mediation": str(case[1]["responsible"])})
    await desk.intake.keys.destroy(f"person:{person['_id']}")

    view = await desk.shown(roles=("responsible",), case=case)

    assert view.answer.status_code == 200
    assert "Oplysningerne om personen er slettet." in view.text


async def test_nothing_is_shown_or_kept_while_it_is_not_known_who_may_see_it(desk):
    view = await desk.shown()
    desk.door.standing.is_current = False

    asked = await desk.post("extend", view.cookie, grant=view.grant, do="extend")
    token = view.tokens["Ret sikker kontakt"][0]
    typed = await desk.post("change", headers=INSIDE, token=token, channel="phone")

    for answer in (asked, typed):
        assert (answer.status_code, names_in(answer.text)) == (503, [])
        assert answer.headers["retry-after"]
    assert await desk.db.said.count_documents({"staff": "kira"}) == 0


@pytest.mark.parametrize("how", ["logged off", "no right any more"])
async def test_a_right_that_is_taken_away_ends_a_showing_at_its_next_step(desk, how):
    view = await desk.shown()
    if how == "logged off":
        await desk.door.end(view.staff.session)
    else:
        await desk.door.know(replace(KIRA, roles=()))

    answer = await desk.post("extend", view.cookie, grant=view.grant, do="extend")

    assert (answer.status_code, names_in(answer.text)) == (
        401 if how == "logged off" else 404,
        [],
    )


async def test_no_name_leaves_intake_in_a_fact_a_log_line_an_address_or_the_store(desk, capfd):
    view = await desk.shown()
    await desk.post(
        "change",
        headers=INSIDE,
        token=view.tokens["Ret navn og kontakt"][0],
        given="Testolina",
        family="Nytgaard",
        phone="halløj",
    )
    again = await desk.post("extend", view.cookie, grant=view.grant, do="extend")
    await desk.post(
        "change",
        headers=INSIDE,
        token=tokens_in(again.text)["Ret navn og kontakt"][0],
        given="Testolina",
        family="Nytgaard",
        phone="00 00 00 09",
    )
    assert "Nytgaard" in (await desk.post("extend", view.cookie, grant=view.grant)).text

    told = str([(sent.key, sent.headers, sent.body) for sent in await desk.intake.sent()])
    kept = (await desk.intake.everything()).decode(errors="replace")
    written = "".join(capfd.readouterr())
    addresses = again.headers["refresh"] + str(again.headers.get("location"))
    for place in (told, kept, written, addresses):
        assert not names_in(place)
        assert not any(word in place for word in ("Nytgaard", "4500000009", "halløj"))
