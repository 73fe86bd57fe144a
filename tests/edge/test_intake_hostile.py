import json

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey

from shared.security.sealed_letters import new_seal_key, public_seal_key
from tests.edge.intake_world import a_person, a_report, accepted, facts, rejected


def as_bytes(**changes):
    return json.dumps(a_report(**changes)).encode()


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
    changes, fault = HEADERS[shape]

    sent = await intake.arrive(intake.record(**changes), intake.record(reference="S-9"))

    (refused,) = rejected(sent)
    assert fault in refused.faults
    assert (refused.key, refused.body["reference"]) == ("S-1", "S-1")
    assert [each.key for each in accepted(sent)] == ["S-9"], "others flow on"
    assert await intake.parked() == []


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_source", "content-type"])
async def test_a_header_that_occurs_twice_is_refused_whatever_its_case(intake, name):
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
    "an admission reported by a school": (
        as_bytes(details={"acknowledgement": {"given": True, "source": "x"}}),
        ("/details/acknowledgement", "not_from_this_kind"),
    ),
    "people that cannot be distinguished": (
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
