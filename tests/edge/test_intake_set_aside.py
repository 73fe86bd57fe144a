"""What cannot be answered: set aside unreadable, taken again when it can be, and stopping nobody."""

from hashlib import sha256

import bson
import pytest

from shared.contracts.processes import PartnerKind
from shared.engine import Rejected
from tests.edge.intake_world import accepted, rejected

UNANSWERABLE = {
    "a CPR number as reference": "0105094123",
    "with its hyphen": "010509-4123",
    "a name as reference": "Testa Prøvesen",
    "a reference that is too long": "x" * 65,
    "a path": "../../etc",
}


@pytest.mark.parametrize("shape", UNANSWERABLE)
async def test_what_a_reply_must_not_repeat_is_set_aside_whole_and_unreadable(intake, shape):
    reference = UNANSWERABLE[shape]
    record = intake.record(reference=reference)

    sent = await intake.arrive(record, intake.record(reference="S-9"))

    assert [each.key for each in sent if not each.envelope.sequence] == ["S-9"]
    (row,) = await intake.parked()
    assert (row["topic"], row["partition"], row["offset"]) == ("partner.skole.reports", 0, 0)
    assert row["state"] == "unreadable"
    assert reference.encode() not in await intake.everything()
    assert record.value not in await intake.everything()


async def test_a_letter_of_an_unknown_partner_waits_and_is_taken_once_the_partner_is_known(intake):
    record = intake.record(partner="retten", proposed_by="prosecution")
    assert await intake.arrive(record) == []
    (row,) = await intake.parked()
    assert "not registered" in row["reason"]

    await intake.add_partner("retten", PartnerKind.COURT)
    assert await intake.parking_lot.redrive(row["_id"]) == (1, 0)

    assert [each.topic for each in accepted(await intake.sent())] == ["partner.retten.replies"]
    assert await intake.parked() == []


async def test_what_can_still_not_be_answered_stays_set_aside_when_it_is_tried_again(intake):
    await intake.arrive(intake.record(reference="0105094123"))
    (before,) = await intake.parked()

    assert await intake.parking_lot.redrive(before["_id"]) == (0, 1)

    (after,) = await intake.parked()
    assert after["_id"] == before["_id"]
    assert await intake.sent() == []


async def test_a_forged_mark_opens_nothing(intake):
    await intake.arrive(intake.record(reference="0105094123"))
    (row,) = await intake.parked()
    copied = intake.record(row["value"], headers=(("samraad-withheld", b"1"),), key=b"S-1")

    (refused,) = rejected(await intake.arrive(copied))

    assert ("header:ce_type", "missing") in refused.faults


@pytest.mark.parametrize("first", range(20))
async def test_a_record_that_claims_to_be_set_aside_stops_nobody(intake, first):
    mark = (("samraad-withheld", b"1"),)
    forged = [intake.record(value, headers=mark) for value in (bytes([first]), None, b"")]
    nameless = intake.record(bytes([first]), headers=mark, key=None)

    sent = await intake.arrive(*forged, nameless, intake.record(reference="S-9"))

    assert [each.key for each in rejected(sent)] == ["S-1"] * 3
    assert [each.key for each in accepted(sent)] == ["S-9"]
    (row,) = await intake.parked()
    assert "no reference" in row["reason"]


async def test_a_copy_of_what_was_set_aside_is_not_opened_where_it_comes_from_the_log(intake):
    await intake.arrive(intake.record(reference="0105094123"))
    (row,) = await intake.parked()
    headers = tuple((name, value) for name, value in row["headers"])
    copied = intake.record(row["value"], headers=headers, key=b"S-1")
    intake.marks.clear()
    await intake.db.watermarks.delete_many({})

    (refused,) = rejected(await intake.arrive(copied))

    assert ("header:ce_type", "missing") in refused.faults, "also at the very same position"


async def test_what_was_set_aside_and_no_longer_opens_is_reported_and_stays(intake):
    await intake.arrive(intake.record(reference="0105094123"))
    (row,) = await intake.parked()
    damaged = row["value"][:-1] + bytes([row["value"][-1] ^ 1])
    await intake.db.parked.update_one({"_id": row["_id"]}, {"$set": {"value": damaged}})

    with pytest.raises(Rejected, match="does not open"):
        await intake.parking_lot.redrive(row["_id"])

    assert (await intake.parked())[0]["value"] == damaged


MIB = 1024 * 1024
HUGE = {
    "a value of 9 MiB": {"value": b"\x07" * (9 * MIB)},
    "a value of 17 MiB": {"value": b"\x07" * (17 * MIB)},
    "a key of 17 MiB": {"key": b"\xff" * (17 * MIB)},
    "a header of 17 MiB": {"headers": (("x-note", b"\x07" * (17 * MIB)),)},
    "a name of 5 M characters": {"headers": (("\U0001f4ef" * (5 * MIB), b""),)},
    "700,000 headers of nothing": {"headers": (("", None),) * 700_000},
}


@pytest.mark.parametrize("shape", HUGE)
async def test_what_is_too_large_to_be_kept_is_reported_by_place_size_and_digest(intake, shape):
    parts = {"value": b"", "key": None, "headers": ()} | HUGE[shape]
    record = intake.record(**parts)

    sent = await intake.arrive(record, intake.record(reference="S-9"))

    assert [each.key for each in accepted(sent)] == ["S-9"]
    (row,) = await intake.parked()
    assert (row["topic"], row["partition"], row["offset"]) == ("partner.skole.reports", 0, 0)
    assert f"{record.size} bytes are too many to keep" in row["reason"]
    assert sha256(record.value).hexdigest() in row["reason"]
    assert "no reference" in row["reason"]
    assert len(bson.encode(row)) < 2_000
    with pytest.raises(Rejected, match="discard it"):
        await intake.parking_lot.redrive(row["_id"])
    await intake.parking_lot.discard(row["_id"], "the partner knows")
    assert await intake.parked() == []


async def test_what_can_just_be_kept_is_kept_whole(intake):
    record = intake.record(b"\x07" * (8 * MIB - 1_000), reference=None)

    await intake.arrive(record)

    (row,) = await intake.parked()
    assert "too many" not in row["reason"]
    assert await intake.parking_lot.redrive(row["_id"]) == (0, 1)


async def test_a_huge_letter_that_can_be_answered_is_refused_unopened(intake):
    sent = await intake.arrive(*(intake.record(b"." * (size * MIB)) for size in (1, 9, 17)))

    assert [each.faults for each in rejected(sent)] == [{("seal", "seal_too_large")}] * 3
    assert await intake.parked() == []
