"""The seal: what another JOSE library makes opens here and the other way, and nothing else does."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto import jwe as other_jwe
from jwcrypto import jwk as other_jwk

from shared.security.sealed_letters import (
    MAX_SEALED,
    SealKeys,
    SealRefused,
    new_seal_key,
    open_seal,
    public_seal_key,
    seal,
)

KEY = new_seal_key()
KEYS = SealKeys([new_seal_key(), KEY])
OPENED = '{"text": "blåbærgrød"}'.encode()
HEADER = {
    "alg": "ECDH-ES+A256KW",
    "enc": "A256GCM",
    "kid": KEY["kid"],
    "cty": "application/json",
}


def sealed_elsewhere(opened=OPENED, key=KEY, **changes):
    header = {name: value for name, value in (HEADER | changes).items() if value is not ...}
    token = other_jwe.JWE(opened, protected=json.dumps(header))
    token.allowed_algs = [*token.allowed_algs, "ECDH-ES", "ECDH-ES+A128KW", "dir", "RSA1_5"]
    token.add_recipient(other_jwk.JWK(**public_seal_key(key)))
    return token.serialize(compact=True).encode()


def with_header(sealed, **changes):
    """The same letter under another header, as somebody on the way could write it."""
    head, rest = sealed.split(b".", 1)
    header = json.loads(base64.urlsafe_b64decode(head + b"=="))
    header = {name: value for name, value in (header | changes).items() if value is not ...}
    return base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=") + b"." + rest


def refusal(sealed, keys=KEYS):
    with pytest.raises(SealRefused) as refused:
        keys.open(sealed)
    assert [error.field for error in refused.value.errors] == ["seal"]
    assert refused.value.__cause__ is None
    return refused.value.rule.value


def test_what_is_sealed_here_opens_here():
    assert KEYS.open(seal(OPENED, public_seal_key(KEY))) == OPENED
    assert open_seal(seal(OPENED, KEY), [KEY]) == OPENED


def test_what_another_library_seals_opens_here():
    assert KEYS.open(sealed_elsewhere()) == OPENED


def test_what_is_sealed_here_opens_with_another_library():
    token = other_jwe.JWE()

    token.deserialize(seal(OPENED, public_seal_key(KEY)).decode(), other_jwk.JWK(**KEY))

    assert token.payload == OPENED
    assert json.loads(token.objects["protected"]).items() >= HEADER.items()


def test_two_seals_of_one_letter_never_look_alike():
    assert seal(OPENED, KEY) != seal(OPENED, KEY)


def test_a_large_letter_opens_and_one_beyond_256_kib_is_refused():
    large = b"x" * 190_000

    assert KEYS.open(seal(large, KEY)) == large
    assert refusal(b"x" * (MAX_SEALED + 1)) == "seal_too_large"
    with pytest.raises(SealRefused):
        seal(b"x" * 200_000, KEY)


@pytest.mark.parametrize("nothing", [None, b""])
def test_no_value_is_no_letter(nothing):
    assert refusal(nothing) == "seal_missing"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"zip": "DEF"}, "seal_compressed"),
        ({"enc": "A128GCM"}, "seal_algorithm"),
        ({"enc": "A256CBC-HS512"}, "seal_algorithm"),
        ({"alg": "ECDH-ES"}, "seal_algorithm"),
        ({"alg": "ECDH-ES+A128KW"}, "seal_algorithm"),
        ({"kid": ...}, "seal_unknown_key"),
        ({"kid": "another"}, "seal_unknown_key"),
        ({"cty": ...}, "seal_header"),
        ({"cty": "text/plain"}, "seal_header"),
    ],
)
def test_a_whole_letter_sealed_in_another_way_is_refused(changes, rule):
    assert refusal(sealed_elsewhere(**changes)) == rule


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"alg": "none"}, "seal_algorithm"),
        ({"alg": "dir"}, "seal_algorithm"),
        ({"alg": ["ECDH-ES+A256KW"]}, "seal_algorithm"),
        ({"alg": ...}, "seal_algorithm"),
        ({"enc": ...}, "seal_algorithm"),
        ({"kid": 7}, "seal_unknown_key"),
        ({"crit": ["exp"], "exp": 1}, "seal_header"),
        ({"crit": []}, "seal_header"),
        ({"epk": ...}, "seal_header"),
        ({"epk": "x"}, "seal_header"),
        ({"epk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}, "seal_header"),
        ({"epk": {"kty": "EC", "crv": "P-521", "x": "A" * 43, "y": "A" * 43}}, "seal_header"),
        ({"epk": {"kty": "OKP", "crv": "X25519", "x": "A" * 43}}, "seal_header"),
        ({"epk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}}, "seal_broken"),
        ({"typ": "JOSE"}, "seal_broken"),
        ({"cty": "application/json", "pad": "x" * 2000}, "seal_header"),
    ],
)
def test_a_header_written_by_somebody_else_is_refused(changes, rule):
    assert refusal(with_header(sealed_elsewhere(), **changes)) == rule


@pytest.mark.parametrize(
    "sealed",
    [
        b"x",
        b"....",
        b"a.b.c.d",
        b"a.b.c.d.e.f",
        b"e30.AA.AA.AA.AA=",
        b"\xff" * 40,
        b'{"protected": "e30"}',
        b"W10.AA.AA.AA.AA",
        b"!!!!.AA.AA.AA.AA",
        b"e30=.AA.AA.AA.AA",
        b"eyJhbGci.AA.AA.AA.AA",
    ],
)
def test_what_is_no_compact_jwe_is_refused(sealed):
    assert refusal(sealed) == "seal_malformed"


def test_a_header_of_many_levels_or_double_names_is_refused():
    deep = base64.urlsafe_b64encode(b"[" * 700).rstrip(b"=")
    double = base64.urlsafe_b64encode(b'{"alg":"none","alg":"ECDH-ES+A256KW"}').rstrip(b"=")

    assert refusal(deep + b".AA.AA.AA.AA") == "seal_malformed"
    assert refusal(double + b".AA.AA.AA.AA") == "seal_malformed"


@pytest.mark.parametrize("part", range(1, 5))
def test_a_letter_that_was_touched_does_not_open(part):
    parts = seal(OPENED, KEY).split(b".")
    touched = bytearray(parts[part])
    touched[3] = ord("A") if touched[3] != ord("A") else ord("B")
    parts[part] = bytes(touched)

    assert refusal(b".".join(parts)) == "seal_broken"


def test_a_letter_for_another_key_under_our_key_id_does_not_open():
    assert refusal(seal(OPENED, new_seal_key() | {"kid": KEY["kid"]})) == "seal_broken"


def test_the_content_of_a_header_is_not_repeated():
    with pytest.raises(SealRefused) as refused:
        KEYS.open(sealed_elsewhere(kid="031208-4001"))

    assert "031208" not in str(refused.value) + refused.value.message


def test_a_published_key_does_not_open_anything():
    assert "d" not in public_seal_key(KEY)
    with pytest.raises(ValueError, match="P-256"):
        SealKeys([public_seal_key(KEY)])
    with pytest.raises(ValueError, match="id"):
        SealKeys([{**KEY, "kid": None}])


@given(st.data())
def test_any_letter_opens_or_is_refused(data):
    sealed = bytearray(seal(OPENED, KEY))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(sealed) - 1))
        sealed[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))

    try:
        rule = "seal_" if KEYS.open(bytes(sealed)) == OPENED else "forged"
    except SealRefused as refused:
        rule = refused.rule.value

    assert rule.startswith("seal_")
