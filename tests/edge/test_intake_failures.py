"""What is our own fault: a failure of intake's stops intake, and nothing personal lies in the open."""

import json

import pytest

from services.intake import opening, preparing
from shared.errors import Halted
from tests.edge.intake_world import a_person, a_report, accepted, rejected

MANY = 60


async def spoil(intake, *references):
    """Store something under the references on which judging a letter fails."""
    for reference in references:
        report_id = str(intake.index.report_id("skole", reference))
        row = {"_id": report_id, "version": 1, "partner": "skole", "reference": reference}
        await intake.db.reports.insert_one(row | {"status": "of another release", "content": None})


async def repair(intake):
    await intake.db.reports.delete_many({"status": "of another release"})


def broken(*_, **__):
    raise ZeroDivisionError


async def test_one_letter_that_judging_fails_on_is_set_aside_and_the_others_flow_on(intake):
    await spoil(intake, "S-1")

    sent = await intake.arrive(intake.record(), intake.record(reference="S-9"))

    assert [each.key for each in accepted(sent)] == ["S-9"]
    (row,) = await intake.parked()
    assert "ValueError" in row["reason"]
    await repair(intake)
    assert await intake.parking_lot.redrive(row["_id"]) == (1, 0)
    assert [each.key for each in accepted(await intake.sent())] == ["S-9", "S-1"]


async def test_when_judging_fails_for_every_letter_intake_halts_and_loses_none(intake):
    references = [f"S-{n}" for n in range(MANY)]
    records = [intake.record(reference=reference) for reference in references]
    await spoil(intake, *references)

    with pytest.raises(Halted, match="ValueError"):
        await intake.arrive(*records)
    assert await intake.parked() == []

    await repair(intake)
    assert [each.key for each in accepted(await intake.arrive(*records))] == references


@pytest.mark.parametrize(("batch_of", "early"), [(1, 19), (50, 0)])
@pytest.mark.parametrize(("where", "what"), [(opening, "check_report"), (preparing, "part")])
async def test_when_reading_fails_for_every_letter_intake_halts_and_loses_none(
    intake, monkeypatch, where, what, batch_of, early
):
    records = [intake.record(reference=f"S-{n}") for n in range(MANY)]
    monkeypatch.setattr(where, what, broken)

    with pytest.raises(Halted, match="ZeroDivisionError"):
        await intake.arrive(*records, batch_of=batch_of)

    monkeypatch.undo()
    set_aside = await intake.parked()
    assert len(set_aside) == early
    for row in set_aside:
        assert await intake.parking_lot.redrive(row["_id"]) == (1, 0)
    await intake.arrive(*records[early:])
    assert len(accepted(await intake.sent())) == MANY


@pytest.mark.parametrize("value", [b"rubbish", None, b"\x00" * 2_000])
async def test_what_a_partner_does_wrong_never_halts_intake(intake, value):
    nameless = [intake.record(value, reference=None) for _ in range(MANY)]
    unknown = [intake.record(partner="retten") for _ in range(MANY)]
    refused = [intake.record(value, reference=f"S-{n}") for n in range(MANY)]

    sent = await intake.arrive(*nameless, *unknown, *refused, intake.record(reference="S-99"))

    assert len(await intake.parked()) == 2 * MANY
    assert len(rejected(sent)) == MANY
    assert [each.key for each in accepted(sent)] == ["S-99"]


SECRET = "0105094123"
OPEN = json.dumps(a_report(people=[a_person(cpr=SECRET)])).encode()
SHAPES = {
    "a report without its seal": {"value": OPEN},
    "a number in a header": {"change": {"x-note": SECRET.encode()}},
    "a number as a header's name": {"change": {SECRET: b""}},
    "a number in the trace": {"change": {"traceparent": SECRET.encode()}},
    "a number in the key": {"key": SECRET.encode()},
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_a_failure_of_ours_sets_aside_is_unreadable_and_can_be_taken_again(
    intake, shape
):
    record = intake.record(**SHAPES[shape])
    await spoil(intake, "S-1")

    assert await intake.arrive(record) == []

    (row,) = await intake.parked()
    assert SECRET.encode() not in await intake.everything()
    assert (row["topic"], row["partition"], row["offset"]) == (record.topic, 0, 0)
    await repair(intake)
    assert await intake.parking_lot.redrive(row["_id"]) == (1, 0)
    (answer,) = [each for each in await intake.sent() if each.envelope.sequence is None]
    assert answer.key == "S-1"
    assert SECRET.encode() not in await intake.everything()


async def test_what_the_database_refuses_is_set_aside_unreadable(intake):
    await intake.db.audit.insert_one({"_id": "there"})
    await intake.db.command("collMod", "audit", validator={"closed": True})

    try:
        await intake.arrive(intake.record(change={"x-note": SECRET.encode()}))
    finally:
        await intake.db.command("collMod", "audit", validator={})

    (row,) = await intake.parked()
    assert "cannot be written" in row["reason"]
    assert SECRET.encode() not in await intake.everything()
