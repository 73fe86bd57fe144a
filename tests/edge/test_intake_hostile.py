import json
from hashlib import sha256

import bson
import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey

from shared.contracts.processes import PartnerKind
from shared.engine import Rejected
from shared.seal import new_seal_key, public_seal_key
from tests.edge.intake_world import a_person, a_report, accepted, facts, rejected


def as_bytes(**said):
    return json.dumps(a_report(**said)).encode()


HEADERS = {
    "no specversion": ({"without": {"ce_specversion"}}, ("header:ce_specversion", "missing")),
    "specversion of another age": (
        {"change": {"ce_specversion": b"0.3"}},
        ("header:ce_specversion", "unsupported"),
    ),
    "no id": ({"without": {"ce_id"}}, ("header:ce_id", "missing")),
    "empty id": ({"change": {"ce_id": b""}}, ("header:ce_id", "blank")),
    "id without value": ({"change": {"ce_id": None}}, ("header:ce_id", "unreadable")),
    "id that is no text": ({"change": {"ce_id": b"\xff\xfe"}}, ("header:ce_id", "unreadable")),
    "no source": ({"without": {"ce_source"}}, ("header:ce_source", "missing")),
    "another partner's source": (
        {"change": {"ce_source": b"/partners/anklager"}},
        ("header:ce_source", "mismatch"),
    ),
    "no type": ({"without": {"ce_type"}}, ("header:ce_type", "missing")),
    "a type nobody knows": (
        {"change": {"ce_type": b"intake.report_withdrawn.v1"}},
        ("header:ce_type", "unsupported"),
    ),
    "a version to come": (
        {"change": {"ce_type": b"intake.report_submitted.v2"}},
        ("header:ce_type", "unsupported"),
    ),
    "no content type": ({"without": {"content-type"}}, ("header:content-type", "missing")),
    "plain JSON": (
        {"change": {"content-type": b"application/json"}},
        ("header:content-type", "unsupported"),
    ),
    "a time without offset": (
        {"change": {"ce_time": b"2026-11-24T08:15:00"}},
        ("header:ce_time", "malformed"),
    ),
    "a key that is not the subject": ({"key": b"S-2"}, ("header:ce_subject", "mismatch")),
    "no key beside the subject": ({"key": None}, ("header:ce_subject", "mismatch")),
}


@pytest.mark.parametrize("shape", HEADERS)
async def test_a_bad_envelope_is_answered_with_the_header_that_is_wrong(intake, shape):
    said, fault = HEADERS[shape]

    sent = await intake.arrive(intake.record(**said), intake.record(reference="S-9"))

    (refused,) = rejected(sent)
    assert fault in refused.faults
    assert (refused.key, refused.body["reference"]) == ("S-1", "S-1")
    assert [each.key for each in accepted(sent)] == ["S-9"], "others flow on"
    assert await intake.parked() == []


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_source", "content-type"])
async def test_a_header_that_stands_twice_is_refused_whatever_its_case(intake, name):
    headers = (*intake.record().headers, (name.upper(), b"again"))

    (refused,) = rejected(await intake.arrive(intake.record(headers=headers)))

    assert (f"header:{name}", "repeated") in refused.faults


async def test_header_names_are_read_without_case(intake):
    headers = tuple((name.title(), value) for name, value in intake.record().headers)

    assert len(accepted(await intake.arrive(intake.record(headers=headers)))) == 1


async def test_without_a_subject_the_key_is_the_reference(intake):
    sent = await intake.arrive(intake.record(without={"ce_subject"}))

    assert [each.key for each in accepted(sent)] == ["S-1"]


async def test_without_subject_and_key_the_reference_inside_gets_the_refusal(intake):
    record = intake.record(without={"ce_subject"}, key=None)

    (refused,) = rejected(await intake.arrive(record))

    assert refused.key == "S-1"
    assert ("header:ce_subject", "missing") in refused.faults


def with_alg(world, **header):
    key = world.public_key
    protected = {
        "alg": "ECDH-ES+A256KW",
        "enc": "A256GCM",
        "kid": key["kid"],
        "cty": "application/json",
    } | header
    registry = jwe.JWERegistry(
        algorithms=["ECDH-ES+A256KW", "ECDH-ES+A128KW", "A256GCM", "A128GCM", "DEF", "dir"],
        strict_check_header=False,
    )
    public = ECKey.import_key({k: key[k] for k in ("kty", "crv", "x", "y")})
    return jwe.encrypt_compact(protected, as_bytes(), public, registry=registry).encode()


SEALS = {
    "null value": (None, "seal_missing"),
    "empty value": (b"", "seal_missing"),
    "open JSON": (as_bytes(), "seal_malformed"),
    "not text at all": (bytes(range(256)), "seal_malformed"),
    "five empty parts": (b"....", "seal_malformed"),
    "too large": (b"x" * 262_145, "seal_too_large"),
    "a key nobody has": (
        lambda world: world.letter(key=public_seal_key(new_seal_key())),
        "seal_unknown_key",
    ),
    "compressed": (lambda world: with_alg(world, zip="DEF"), "seal_compressed"),
    "another algorithm": (lambda world: with_alg(world, alg="ECDH-ES+A128KW"), "seal_algorithm"),
    "a weaker cipher": (lambda world: with_alg(world, enc="A128GCM"), "seal_algorithm"),
    "other content": (lambda world: with_alg(world, cty="text/plain"), "seal_header"),
    "a byte changed": (lambda world: broken(world.letter()), "seal_broken"),
    "a shared secret": (
        jwe.encrypt_compact(
            {"alg": "dir", "enc": "A256GCM"}, as_bytes(), OctKey.generate_key(256)
        ).encode(),
        "seal_algorithm",
    ),
}


def broken(sealed):
    head, _, tag = sealed.rpartition(b".")
    return head + b"." + (b"A" if tag[:1] != b"A" else b"B") + tag[1:]


@pytest.mark.parametrize("shape", SEALS)
async def test_a_bad_seal_is_answered_as_such(intake, shape):
    make, rule = SEALS[shape]
    value = make(intake) if callable(make) else make

    sent = await intake.arrive(intake.record(value), intake.record(reference="S-9"))

    (refused,) = rejected(sent)
    assert refused.faults == {("seal", rule)}
    assert [each.key for each in accepted(sent)] == ["S-9"]


deep = b'{"a":' * 65 + b"1" + b"}" * 65
BODIES = {
    "no object": (b"[]", ("", "not_an_object")),
    "no JSON": (b"{", ("", "not_json")),
    "no UTF-8": (b'{"a": "\xff"}', ("", "not_utf8")),
    "a name twice": (b'{"a": 1, "a": 2}', ("", "duplicate_name")),
    "too deep": (deep, ("", "too_deep")),
    "a number beyond 2^53": (as_bytes(details={"n": 2**53}), ("", "number_out_of_range")),
    "half a character": (as_bytes(text="x").replace(b'"x"', b'"\\ud800"'), ("", "lone_surrogate")),
    "nothing in it": (b"{}", ("/people", "missing")),
    "another partner inside": (as_bytes(partner="anklager"), ("/partner", "mismatch")),
    "another reference inside": (as_bytes(reference="S-2"), ("/reference", "mismatch")),
    "a municipality elsewhere": (
        as_bytes(municipality="0101"),
        ("/municipality", "unknown_municipality"),
    ),
    "youth council in Hedensted": (
        as_bytes(municipality="0766", process="youth-council"),
        ("/municipality", "no_youth_council"),
    ),
    "tomorrow": (
        as_bytes(occurred_at="2026-11-25T13:30:00+01:00"),
        ("/occurred_at", "in_the_future"),
    ),
    "a time without offset": (
        as_bytes(occurred_at="2026-11-20T13:30:00"),
        ("/occurred_at", "malformed"),
    ),
    "an unheard-of process": (as_bytes(process="prison"), ("/process", "unknown_value")),
    "a suspect from a school": (
        as_bytes(people=[a_person(category="suspect")]),
        ("/people/0/category", "not_from_this_kind"),
    ),
    "an admission told by a school": (
        as_bytes(details={"acknowledgement": {"given": True, "source": "x"}}),
        ("/details/acknowledgement", "not_from_this_kind"),
    ),
    "nobody to tell apart": (
        as_bytes(people=[a_person(name=None)]),
        ("/people/0", "name_or_cpr_missing"),
    ),
    "a label twice": (
        as_bytes(people=[a_person(), a_person()]),
        ("/people/1/label", "duplicate_label"),
    ),
    "a number of nine digits": (
        as_bytes(people=[a_person(cpr="010509412")]),
        ("/people/0/cpr", "malformed"),
    ),
    "a phone without country": (
        as_bytes(people=[a_person(phone="70112233")]),
        ("/people/0/phone", "malformed"),
    ),
    "101 people": (
        as_bytes(people=[a_person(str(n)) for n in range(101)]),
        ("/people", "too_many"),
    ),
    "a disclosure is missing": (as_bytes(process="psp"), ("/disclosure", "disclosure_missing")),
}


@pytest.mark.parametrize("shape", BODIES)
async def test_a_bad_report_is_answered_with_its_field_and_rule(intake, shape):
    opened, fault = BODIES[shape]

    sent = await intake.arrive(intake.record(intake.letter(opened)), intake.record(reference="S-9"))

    (refused,) = rejected(sent)
    assert fault in refused.faults
    assert [each.key for each in accepted(sent)] == ["S-9"]
    assert len(facts(sent)) == 1
    assert await intake.parked() == []


async def test_a_seal_copied_under_another_reference_or_partner_is_refused(intake):
    letter = intake.letter()

    sent = await intake.arrive(
        intake.record(letter, reference="S-2"), intake.record(letter, partner="anklager")
    )

    copied, foreign = rejected(sent)
    assert (copied.key, copied.faults) == ("S-2", {("/reference", "mismatch")})
    assert (foreign.topic, foreign.faults) == (
        "partner.anklager.replies",
        {("/partner", "mismatch")},
    )
    assert facts(sent) == []


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
    assert await intake.room.redrive(row["_id"]) == (1, 0)

    assert [each.topic for each in accepted(await intake.sent())] == ["partner.retten.replies"]
    assert await intake.parked() == []


async def test_what_can_still_not_be_answered_stays_set_aside_when_it_is_tried_again(intake):
    await intake.arrive(intake.record(reference="0105094123"))
    (before,) = await intake.parked()

    assert await intake.room.redrive(before["_id"]) == (0, 1)

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
async def test_a_record_that_says_it_was_set_aside_stops_nobody(intake, first):
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


async def test_what_was_set_aside_and_no_longer_opens_says_so_and_stays(intake):
    await intake.arrive(intake.record(reference="0105094123"))
    (row,) = await intake.parked()
    damaged = row["value"][:-1] + bytes([row["value"][-1] ^ 1])
    await intake.db.parked.update_one({"_id": row["_id"]}, {"$set": {"value": damaged}})

    with pytest.raises(Rejected, match="does not open"):
        await intake.room.redrive(row["_id"])

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
async def test_what_is_too_large_to_be_kept_is_told_by_place_size_and_digest(intake, shape):
    said = {"value": b"", "key": None, "headers": ()} | HUGE[shape]
    record = intake.record(**said)

    sent = await intake.arrive(record, intake.record(reference="S-9"))

    assert [each.key for each in accepted(sent)] == ["S-9"]
    (row,) = await intake.parked()
    assert (row["topic"], row["partition"], row["offset"]) == ("partner.skole.reports", 0, 0)
    assert f"{record.size} bytes are too many to keep" in row["reason"]
    assert sha256(record.value).hexdigest() in row["reason"]
    assert "no reference" in row["reason"]
    assert len(bson.encode(row)) < 2_000
    with pytest.raises(Rejected, match="discard it"):
        await intake.room.redrive(row["_id"])
    await intake.room.discard(row["_id"], "the partner knows")
    assert await intake.parked() == []


async def test_what_can_just_be_kept_is_kept_whole(intake):
    record = intake.record(b"\x07" * (8 * MIB - 1_000), reference=None)

    await intake.arrive(record)

    (row,) = await intake.parked()
    assert "too many" not in row["reason"]
    assert await intake.room.redrive(row["_id"]) == (0, 1)


async def test_a_huge_letter_that_can_be_answered_is_refused_unopened(intake):
    sent = await intake.arrive(*(intake.record(b"." * (size * MIB)) for size in (1, 9, 17)))

    assert [each.faults for each in rejected(sent)] == [{("seal", "seal_too_large")}] * 3
    assert await intake.parked() == []


async def test_no_refusal_repeats_a_value(intake):
    secret = "Hemmelig-0105094123"
    shapes = [
        as_bytes(municipality=secret),
        as_bytes(process=secret),
        as_bytes(occurred_at=secret),
        as_bytes(people=[a_person(cpr=secret, phone=secret, email=secret, birth_date=secret)]),
        as_bytes(people=[a_person(**{secret: 1, "role": secret})]),
        as_bytes(details={"acknowledgement": {secret: secret}}),
        as_bytes(people=[a_person(custody_of=[secret])]),
    ]

    sent = await intake.arrive(*(intake.record(intake.letter(each)) for each in shapes))
    sent += await intake.arrive(intake.record(change={"ce_type": secret.encode()}))

    assert len(rejected(sent)) == len(shapes) + 1
    assert all(secret.encode() not in each.value for each in sent)
    assert secret.encode() not in await intake.everything()
