import asyncio
import json

import pytest

from shared.contracts.processes import PartnerKind
from shared.errors import Conflict
from shared.security.sealed_letters import SealKeys
from tests.edge.intake_world import a_person, a_report, accepted, facts, rejected


async def test_a_report_opens_one_case_and_gets_its_receipt(intake):
    sent = await intake.arrive(intake.record())

    (receipt,), (fact,) = accepted(sent), facts(sent)
    assert (receipt.topic, receipt.key) == ("partner.skole.replies", "S-1")
    assert (receipt.envelope.source, receipt.envelope.subject) == ("/intake/replies", "S-1")
    assert receipt.envelope.content_type == "application/json"
    assert receipt.envelope.sequence is None
    assert receipt.body == {"reference": "S-1", "case_id": fact.body["case_id"]}
    assert fact.topic == "intake.cases.mediation"
    assert (fact.envelope.type, fact.envelope.sequence) == ("intake.case_opened.v1", 1)
    assert fact.key == fact.envelope.subject == fact.body["case_id"]


@pytest.mark.parametrize("batch_of", [1, 3, 10])
async def test_ten_arrivals_of_one_report_are_one_case_and_ten_equal_receipts(intake, batch_of):
    records = [intake.record() for _ in range(10)]

    sent = await intake.arrive(*records, batch_of=batch_of)

    receipts = accepted(sent)
    assert len(facts(sent)) == 1
    assert len(receipts) == 10
    assert all(receipt == receipts[0] for receipt in receipts)
    assert await intake.db.cases.count_documents({}) == 1
    assert await intake.db.said.count_documents({}) == 1
    assert (await intake.db.reports.find_one())["arrivals"] == 10


async def test_other_content_under_an_accepted_reference_is_a_conflict_and_the_first_is_kept(
    intake,
):
    first = await intake.arrive(intake.record())

    second = await intake.arrive(intake.record(text="noget andet"), intake.record())

    (refused,) = rejected(second)
    assert refused.faults == {("/reference", "conflict")}
    assert accepted(second) == accepted(first)
    assert facts(second) == []


async def test_a_conflict_is_found_within_one_batch_too(intake):
    sent = await intake.arrive(intake.record(), intake.record(municipality="0621"), intake.record())

    assert [each.envelope.type.split(".")[1] for each in sent if not each.envelope.sequence] == [
        "report_accepted",
        "report_rejected",
        "report_accepted",
    ]
    assert len(facts(sent)) == 1


async def test_a_rejected_report_is_corrected_and_taken_under_the_same_reference(intake):
    wrong = intake.record(municipality="9999")

    sent = await intake.arrive(wrong, intake.record(), wrong)

    first, second = rejected(sent)
    assert first.faults == {("/municipality", "unknown_municipality")}
    assert second.faults == {("/reference", "conflict")}
    assert first.envelope.id != second.envelope.id
    assert len(accepted(sent)) == len(facts(sent)) == 1
    assert (await intake.db.reports.find_one())["status"] == "accepted"


async def test_a_redelivered_rejection_has_the_same_id(intake):
    await intake.arrive(intake.record(municipality="9999"))
    (before,) = rejected(await intake.sent())

    await intake.db.watermarks.update_many({}, {"$set": {"offset": 0}})
    intake.marks.clear()
    again = await intake.arrive(intake.record(municipality="9999"))

    assert again[0].envelope.id == before.envelope.id


async def test_a_report_without_a_process_waits_whole_and_is_published(intake):
    sent = await intake.arrive(
        intake.record(process=None, details={"danger_to_life": True, "offence": "violence"})
    )

    (receipt,), (fact, danger) = accepted(sent), facts(sent)
    report = await intake.db.reports.find_one()
    assert receipt.body == {"reference": "S-1", "case_id": None}
    assert danger.envelope.type == "intake.danger_reported.v1"
    assert (fact.topic, fact.envelope.type) == ("intake.signals", "intake.triage_waiting.v1")
    assert fact.envelope.subject == fact.body["report_id"] == report["_id"]
    assert (report["status"], report["why_waiting"]) == ("waiting", "no_process")
    assert report["danger_to_life"] is True
    read = await intake.vault.read_report(report["_id"], by="staff:sofie", purpose="triage")
    assert read.letter["text"] == "de mødtes ved stationen"
    assert read.letter["details"]["offence"] == "violence"
    assert read.people[0].content == a_person()


@pytest.mark.parametrize("process", ["concern", "youth-council", "youth-board", "honour", "ssp"])
async def test_a_process_that_no_service_runs_waits_in_triage_and_is_not_dropped(intake, process):
    changes = {"process": process}
    if process == "ssp":
        changes["disclosure"] = a_disclosure("SSP", "115-1-1")

    sent = await intake.arrive(intake.record(**changes))

    assert accepted(sent)[0].body["case_id"] is None
    report = await intake.db.reports.find_one()
    assert (report["status"], report["why_waiting"]) == ("waiting", "no_service")
    assert report["not_for_investigation"] is (process == "ssp")


def a_disclosure(form, basis):
    return {
        "form": form,
        "basis": basis,
        "purpose": "at hjælpe",
        "necessity": "flere myndigheder, ingen kan alene",
        "items": [{"what": "to indlæggelser", "kind": "fact", "source": "x", "date": "2026-11-01"}],
        "recipients": [{"authority": "police", "role": "PSP-kontakt"}],
        "decided_by": "overlæge",
    }


async def test_a_psp_report_is_not_for_investigation_from_birth(intake):
    sent = await intake.arrive(
        intake.record(process="psp", disclosure=a_disclosure("PSP", "115-1-2"))
    )

    (fact,) = facts(sent)
    assert fact.topic == "intake.cases.psp"
    assert fact.body["psychiatry_region"] == "syddanmark"
    assert (await intake.db.cases.find_one())["not_for_investigation"] is True
    assert (await intake.db.reports.find_one())["not_for_investigation"] is True
    assert b"indl" not in fact.value


async def test_the_same_number_is_the_same_person_under_another_name_in_each_process(intake):
    someone = a_person(cpr="010509-4123")

    sent = await intake.arrive(
        intake.record(people=[someone]),
        intake.record(reference="S-2", people=[a_person(cpr="0105094123")]),
        intake.record(
            reference="S-3",
            people=[someone],
            process="psp",
            disclosure=a_disclosure("PSP", "115-1-2"),
        ),
    )

    first, second, third = (fact.body["parties"][0]["party_id"] for fact in facts(sent))
    assert first == second != third
    person = await intake.db.persons.find_one()
    assert await intake.db.persons.count_documents({}) == 1
    assert set(person["party_ids"]) == {"mediation", "psp"}
    assert person["_id"] not in (first, third)
    statements = await intake.vault.read_person(
        person["_id"], by="staff:sofie", purpose="a request"
    )
    assert sorted(each.content["cpr"] for each in statements) == ["010509-4123"] * 2 + [
        "0105094123"
    ]
    assert {each.partner for each in statements} == {"skole"}


async def test_people_without_a_number_are_distinguished_by_report_and_label(intake):
    await intake.arrive(
        intake.record(people=[a_person("a"), a_person("b")]),
        intake.record(reference="S-2", people=[a_person("a")]),
    )

    assert await intake.db.persons.count_documents({}) == 3


async def test_two_reports_on_different_topics_at_once_agree_on_who_a_person_is(intake):
    someone = a_person(cpr="010509-4123")
    one = [intake.record(reference=f"S-{n}", people=[someone]) for n in range(5)]
    other = [
        intake.record(partner="anklager", reference=f"A-{n}", people=[someone]) for n in range(5)
    ]

    async def deliver(records):
        for record in records:
            while True:
                try:
                    await intake.arrive(record)
                    break
                except Conflict:  # a worker tries again too
                    await asyncio.sleep(0.01)

    await asyncio.gather(deliver(one), deliver(other))

    sent = await intake.sent()
    assert len(facts(sent)) == 10
    assert await intake.db.persons.count_documents({}) == 1
    assert len({fact.body["parties"][0]["party_id"] for fact in facts(sent)}) == 1


async def test_an_address_once_protected_stays_protected(intake):
    someone = a_person(cpr="010509-4123")

    sent = await intake.arrive(
        intake.record(reference="S-1", people=[someone]),
        intake.record(reference="S-2", people=[someone | {"address_protected": True}]),
        intake.record(reference="S-3", people=[someone | {"address_protected": False}]),
    )
    later = await intake.arrive(intake.record(reference="S-4", people=[someone]))

    protected = [fact.body["parties"][0]["address_protected"] for fact in facts(sent + later)]
    assert protected == [False, True, True, True]


async def test_a_number_that_contradicts_the_birth_date_is_kept_and_marked(intake):
    sent = await intake.arrive(
        intake.record(people=[a_person(cpr="0105094123", birth_date="1990-05-01")])
    )

    assert len(accepted(sent)) == 1
    report = await intake.db.reports.find_one()
    assert report["marks"] == [{"field": "/people/0/cpr", "code": "cpr_contradicts_birth_date"}]
    assert (await intake.db.said.find_one())["marks"] == ["cpr_contradicts_birth_date"]


async def test_two_seals_of_one_report_are_one_report_and_key_order_is_no_content(intake):
    turned = dict(reversed(a_report().items()))

    sent = await intake.arrive(
        intake.record(), intake.record(intake.letter(json.dumps(turned, indent=2).encode()))
    )

    assert len(facts(sent)) == 1
    assert accepted(sent)[0] == accepted(sent)[1]


async def test_what_was_accepted_is_repeated_when_the_partner_has_lost_its_authority(intake):
    people = [a_person(category="suspect", role="responsible", birth_date="1990-01-01")]
    first = await intake.arrive(intake.record(partner="anklager", people=people))
    await intake.add_partner("anklager", PartnerKind.DEFENCE)

    again = await intake.arrive(intake.record(partner="anklager", people=people))

    assert accepted(again) == accepted(first)
    assert rejected(again) == []


async def test_a_crowd_is_taken_in_several_steps_and_nobody_is_left_out(intake):
    crowd = [a_person(str(place)) for place in range(60)]
    records = [intake.record(reference=f"S-{n}", people=crowd) for n in range(4)]
    records += [intake.record(reference=f"T-{n}") for n in range(4)]

    sent = await intake.arrive(*records)

    assert [each.key for each in accepted(sent)] == [
        *(f"S-{n}" for n in range(4)),
        *(f"T-{n}" for n in range(4)),
    ]
    assert await intake.db.persons.count_documents({}) == 4 * 60 + 4
    assert await intake.db.outbox.count_documents({}) > 3
    assert intake.marks["partner.skole.reports"].offset == 8


async def test_of_a_crowd_of_crowds_each_batch_opens_one_letter_in_vain_at_most(
    intake, monkeypatch
):
    crowd = [a_person(str(place)) for place in range(60)]
    records = [intake.record(reference=f"S-{n}", people=crowd) for n in range(12)]
    opened = []
    open_one = SealKeys.open
    monkeypatch.setattr(
        SealKeys, "open", lambda keys, sealed: opened.append(sealed) or open_one(keys, sealed)
    )

    sent = await intake.arrive(*records)

    assert [each.key for each in accepted(sent)] == [f"S-{n}" for n in range(12)]
    assert set(opened) == {record.value for record in records}
    assert max(opened.count(record.value) for record in records) <= 2
