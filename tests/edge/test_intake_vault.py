import json

import pytest
from bson.binary import Binary
from pymongo.errors import BulkWriteError

from shared.contracts.processes import Process
from tests.edge.intake_world import a_person, a_report, accepted, facts

WORDS = {
    "given": "Testolina",
    "family": "Prøvegaard",
    "cpr": "010509-4123",
    "digits": "0105094123",
    "born": "2009-05-01",
    "street": "Hemmelighedsvej 17",
    "phone": "+4570998877",
    "email": "testolina@example.org",
    "label": "Testolinas egen mærkat",
    "text": "slaget ved Trinbrættet",
    "detail": "vold med cykelpumpe",
    "unknown": "kaldes Tessa blandt venner",
    "item": "tre indlaeggelser i sommer",
    "purpose": "at finde en bolig",
    "why": "ingen kan alene klare det",
    "doctor": "overlaege Proevesen",
}


def a_detailed_report(**changes):
    person = a_person(
        label=WORDS["label"],
        name={"given": WORDS["given"], "family": WORDS["family"]},
        cpr=WORDS["cpr"],
        birth_date=WORDS["born"],
        address={"street": WORDS["street"], "postal_code": "7100", "city": "Vejle"},
        phone=WORDS["phone"],
        email=WORDS["email"],
        nickname=WORDS["unknown"],
    )
    guardian = a_person(
        "b",
        role="guardian",
        category="other",
        name={"given": "Mor"},
        custody_of=[WORDS["label"]],
        custody="sole",
    )
    return a_report(
        people=[person, guardian],
        text=WORDS["text"],
        details={"offence": WORDS["detail"]},
        extra=WORDS["unknown"],
        **changes,
    )


A_DISCLOSURE = {
    "form": "PSP",
    "basis": "115-2",
    "purpose": WORDS["purpose"],
    "necessity": WORDS["why"],
    "items": [
        {"what": WORDS["item"], "kind": "assessment", "source": "afsnit 4", "date": "2026-11-01"}
    ],
    "recipients": [{"authority": "police", "role": "PSP-kontakt"}],
    "decided_by": WORDS["doctor"],
}


async def everywhere(intake):
    """Every byte that is kept or sent, but for data keys and search marks."""
    sent = b"".join(
        each.value + each.key.encode() + str(each.headers).encode() for each in await intake.sent()
    )
    return await intake.everything() + sent


@pytest.mark.parametrize("process", ["mediation", "psp", None, "honour"])
async def test_nothing_personal_is_anywhere_in_clear(intake, process):
    changes = {"disclosure": A_DISCLOSURE} if process == "psp" else {}
    report = a_detailed_report(process=process, **changes)

    sent = await intake.arrive(intake.record(intake.letter(report)))

    assert len(accepted(sent)) == len(facts(sent)) == 1
    kept = await everywhere(intake)
    for what, word in WORDS.items():
        assert word.encode() not in kept, what
        assert json.dumps(word)[1:-1].encode() not in kept, what


async def test_nothing_personal_of_a_refused_report_is_kept_at_all(intake):
    good, bad = a_detailed_report(reference="S-1"), a_detailed_report(municipality="0101")
    await intake.arrive(intake.record(intake.letter(bad)))
    await intake.arrive(intake.record(json.dumps(good).encode()))
    await intake.arrive(intake.record(json.dumps(good).encode(), reference=WORDS["digits"]))

    kept = await everywhere(intake)

    assert len(await intake.parked()) == 1
    for what, word in WORDS.items():
        assert word.encode() not in kept, what
    assert await intake.db.said.count_documents({}) == 0


async def test_the_vault_gives_the_whole_report_back(intake):
    report = a_detailed_report(process="psp", disclosure=A_DISCLOSURE)
    await intake.arrive(intake.record(intake.letter(report)))
    report_id = (await intake.db.reports.find_one())["_id"]

    read = await intake.vault.read_report(report_id, by="staff:sofie", purpose="triage")

    assert {**read.letter, "people": [person.content for person in read.people]} == report


async def test_the_service_of_a_case_gets_its_details_and_no_other_does(intake):
    report = a_detailed_report()
    (fact,) = facts(await intake.arrive(intake.record(intake.letter(report))))
    case_id = fact.body["case_id"]

    disclosed = await intake.vault.disclose_case(
        case_id, processes={Process.MEDIATION}, to="service:mediation"
    )
    to_others = await intake.vault.disclose_case(case_id, processes={Process.PSP}, to="service:psp")

    assert disclosed.details == {"offence": WORDS["detail"]}
    assert (disclosed.text, disclosed.disclosure) == (WORDS["text"], None)
    assert disclosed.parties == fact.body["parties"]
    assert WORDS["given"] not in json.dumps(disclosed.parties)
    assert to_others is None


async def test_a_service_of_several_processes_gets_the_cases_of_each_and_of_no_other(intake):
    (fact,) = facts(await intake.arrive(intake.record()))
    case_id = fact.body["case_id"]
    others = set(Process) - {Process.MEDIATION}

    for processes, found in ((set(Process), True), (others, False), (frozenset(), False)):
        disclosed = await intake.vault.disclose_case(
            case_id, processes=processes, to="service:youth"
        )
        assert (disclosed is not None) is found


async def test_every_reading_is_logged_with_who_what_and_why(intake):
    (fact,) = facts(await intake.arrive(intake.record()))
    report, person = await intake.db.reports.find_one(), await intake.db.persons.find_one()
    case_id = fact.body["case_id"]
    await intake.vault.disclose_case(case_id, processes={Process.MEDIATION}, to="service:mediation")
    await intake.vault.read_report(report["_id"], by="staff:sofie", purpose="triage")
    await intake.vault.read_person(person["_id"], by="staff:sofie", purpose="a request")

    log = await intake.db.audit.find().sort("at", 1).to_list()

    entries = [(row["who"], row["action"], row["why"]) for row in log]
    assert set(entries) == {
        ("partner:skole", "collected", "a report was taken in"),
        (
            "service:mediation",
            "disclosed",
            "the service that handles the case fetches its details",
        ),
        ("staff:sofie", "read", "triage"),
        ("staff:sofie", "read", "a request"),
    }
    assert all(row["regime"] and row["controller"] and row["at"] for row in log)
    assert all(case_id == row["case_id"] for row in log if row["action"] != "read")
    assert next(row for row in log if row["action"] == "disclosed")["recipients"] == [
        "service:mediation"
    ]
    assert [row["person_ids"] for row in log if row["why"] == "a request"] == [[person["_id"]]]


async def test_without_a_log_row_nothing_is_read(intake):
    (fact,) = facts(await intake.arrive(intake.record()))
    report, person = await intake.db.reports.find_one(), await intake.db.persons.find_one()
    await intake.db.command("collMod", "audit", validator={"closed": True})

    try:
        with pytest.raises(BulkWriteError):
            await intake.vault.disclose_case(
                fact.body["case_id"], processes={Process.MEDIATION}, to="service:mediation"
            )
        with pytest.raises(BulkWriteError):
            await intake.vault.read_report(report["_id"], by="staff:sofie", purpose="triage")
        with pytest.raises(BulkWriteError):
            await intake.vault.read_person(person["_id"], by="staff:sofie", purpose="a request")
    finally:
        await intake.db.command("collMod", "audit", validator={})


async def test_without_a_log_row_nothing_is_taken_in_either(intake):
    await intake.db.audit.insert_one({"_id": "there"})
    await intake.db.command("collMod", "audit", validator={"closed": True})

    try:
        sent = await intake.arrive(intake.record())
    finally:
        await intake.db.command("collMod", "audit", validator={})

    assert sent == []
    (row,) = await intake.parked()
    assert "cannot be written" in row["reason"]
    assert await intake.db.persons.count_documents({}) == 0
    assert await intake.parking_lot.redrive(row["_id"]) == (1, 0)
    assert len(accepted(await intake.sent())) == 1


async def test_what_is_kept_of_a_person_ends_with_the_key_and_the_others_stay(intake):
    await intake.arrive(intake.record(intake.letter(a_detailed_report())))
    report = await intake.db.reports.find_one()
    first, second = (person["person_id"] for person in report["people"])

    await intake.keys.destroy(f"person:{first}")

    read = await intake.vault.read_report(report["_id"], by="staff:sofie", purpose="triage")
    assert read.people[0].content is None
    assert read.people[1].content["name"] == {"given": "Mor"}
    (gone,) = await intake.vault.read_person(first, by="staff:sofie", purpose="a request")
    assert (gone.content, gone.partner) == (None, "skole")
    assert second != first


async def test_what_is_printed_of_a_reading_shows_nothing_of_it(intake):
    await intake.arrive(intake.record(intake.letter(a_detailed_report())))
    report = await intake.db.reports.find_one()

    read = await intake.vault.read_report(report["_id"], by="staff:sofie", purpose="triage")

    assert WORDS["given"] not in repr(read)
    assert WORDS["text"] not in repr(read)


async def _damage(collection, query):
    row = await collection.find_one(query)
    sealed = bytes(row["sealed"])
    damaged = Binary(sealed[:-1] + bytes([sealed[-1] ^ 1]), 6)
    await collection.update_one({"_id": row["_id"]}, {"$set": {"sealed": damaged}})


async def test_a_damaged_part_is_reported_as_damaged_and_hides_nothing_of_the_others(intake):
    await intake.arrive(intake.record(intake.letter(a_detailed_report())))
    report = await intake.db.reports.find_one()
    first, second = (person["person_id"] for person in report["people"])

    await _damage(intake.db.said, {"person_id": first})

    read = await intake.vault.read_report(report["_id"], by="staff:sofie", purpose="triage")
    assert [(person.content is None, person.damaged) for person in read.people] == [
        (True, True),
        (False, False),
    ]
    (row,) = await intake.vault.read_person(second, by="staff:sofie", purpose="a request")
    assert row.content["name"] == {"given": "Mor"}
