"""Tokens between services: each is taken in the one form alone, by the one it is for, in its time."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

from shared.security.signatures import CLOCKS_DIFFER, Kind, Signer, TokenRefused
from tests.signing import KeyPairs

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
SHORT = Kind("short+jwt", timedelta(minutes=5))
OTHER = Kind("other+jwt", timedelta(minutes=5))
LASTS = timedelta(minutes=2)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return KeyPairs.lay(tmp_path_factory.mktemp("keys"), "notify", "intake", "psp")


def signed(pairs, **changes):
    call = {"audience": "intake", "lasts": LASTS, "now": NOW} | changes
    return pairs.signer("psp").sign(SHORT, {"sub": "kira"}, **call)


def check(pairs, token, **changes):
    call = {"issuer": "psp", "audience": "intake", "now": NOW} | changes
    return pairs.verifier().verify(token, changes.pop("kind", SHORT), **call)


def test_what_one_service_signs_another_reads(pairs):
    first, second = signed(pairs), signed(pairs)

    assert check(pairs, first)["sub"] == "kira"
    assert check(pairs, first)["jti"] != check(pairs, second)["jti"]


@pytest.mark.parametrize("issuer", ["psp", "intake", "notify", "mediation"])
@pytest.mark.parametrize("audience", ["psp", "intake", "notify"])
@pytest.mark.parametrize("kind", [SHORT, OTHER])
def test_a_token_is_taken_as_one_kind_from_one_issuer_for_one_audience(
    pairs, issuer, audience, kind
):
    token, reader = signed(pairs), pairs.verifier()
    parties = {"issuer": issuer, "audience": audience, "now": NOW}

    if (issuer, audience, kind) == ("psp", "intake", SHORT):
        assert reader.verify(token, kind, **parties)
        return
    with pytest.raises(TokenRefused):
        reader.verify(token, kind, **parties)


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        (NOW - CLOCKS_DIFFER - SECOND, False),
        (NOW - CLOCKS_DIFFER, True),
        (NOW, True),
        (NOW + LASTS - SECOND, True),
        (NOW + LASTS, False),
        (NOW + timedelta(days=400), False),
    ],
)
def test_a_token_is_taken_in_its_time_alone(pairs, at, taken):
    token = signed(pairs)
    if taken:
        assert check(pairs, token, now=at)
        return
    with pytest.raises(TokenRefused):
        check(pairs, token, now=at)


@pytest.mark.parametrize("lasts", [timedelta(0), -LASTS, SHORT.longest + SECOND])
def test_nobody_signs_longer_than_the_kind_lasts(pairs, lasts):
    with pytest.raises(ValueError, match="lifetime"):
        signed(pairs, lasts=lasts)


@pytest.mark.parametrize("claim", ["iss", "aud", "iat", "exp", "jti"])
def test_nobody_sets_the_claims_of_the_signer(pairs, claim):
    with pytest.raises(ValueError, match="set by the signer"):
        pairs.signer("psp").sign(SHORT, {claim: "x"}, audience="intake", lasts=LASTS)


def by_hand(pairs, header=(), claims=(), key=None, without=()):
    """Sign as somebody would who has the private key, and keeps to no form."""
    private = json.loads(pairs.private("psp").read_text())
    at = int(NOW.timestamp())
    content = {"iss": "psp", "aud": "intake", "iat": at, "exp": at + 60, "jti": "1"} | dict(claims)
    content = {name: value for name, value in content.items() if name not in without}
    head = {"alg": "ES256", "typ": "short+jwt", "kid": private["kid"]} | dict(header)
    head = {name: value for name, value in head.items() if name not in without}
    registry = jws.JWSRegistry(algorithms=["ES256", "HS256", "none"], strict_check_header=False)
    return jws.serialize_compact(
        head, json.dumps(content), key or ECKey.import_key(private), registry=registry
    )


AT = int(NOW.timestamp())


@pytest.mark.parametrize(
    "changes",
    [
        {"without": ["typ"]},
        {"without": ["kid"]},
        {"without": ["jti"]},
        {"without": ["exp"]},
        {"without": ["iat"]},
        {"without": ["aud"]},
        {"header": {"typ": "SHORT+JWT"}},
        {"header": {"kid": "another"}},
        {"header": {"kid": "../psp"}},
        {"header": {"jku": "https://elsewhere.example/keys"}},
        {"header": {"cty": "json"}},
        {"header": {"crit": ["b64"], "b64": True}},
        {"claims": {"aud": ["intake"]}},
        {"claims": {"exp": AT + 301}},
        {"claims": {"iat": AT - 301, "exp": AT + 1}},
        {"claims": {"exp": str(AT + 60)}},
        {"claims": {"exp": AT + 60.5}},
        {"claims": {"exp": float("inf")}},
        {"claims": {"exp": 10**30}},
        {"claims": {"iat": True}},
        {"claims": {"jti": 1}},
        {"claims": {"more": "x" * 4_000}},
    ],
)
def test_another_form_is_refused_even_from_the_right_key(pairs, changes):
    assert check(pairs, by_hand(pairs))
    with pytest.raises(TokenRefused):
        check(pairs, by_hand(pairs, **changes))


def test_the_public_key_as_a_shared_secret_signs_nothing(pairs):
    public = (pairs.public / "psp.json").read_text()
    forged = by_hand(pairs, header={"alg": "HS256"}, key=OctKey.import_key(public))

    with pytest.raises(TokenRefused):
        check(pairs, forged)


def test_a_token_without_a_signature_is_refused(pairs):
    _, content, _ = signed(pairs).split(".")
    kid = json.loads(pairs.private("psp").read_text())["kid"]
    head = json.dumps({"alg": "none", "typ": "short+jwt", "kid": kid}).encode()
    head = base64.urlsafe_b64encode(head).decode().rstrip("=")

    with pytest.raises(TokenRefused):
        check(pairs, f"{head}.{content}.")


@pytest.fixture(scope="module")
def token(pairs):
    return signed(pairs)


@given(st.data())
def test_a_changed_or_invented_token_is_refused_and_never_an_error(pairs, token, data):
    at = data.draw(st.integers(0, len(token) - 2))  # the last character has bits that say nothing
    letter = data.draw(st.characters(exclude_characters=token[at]))
    changed = token[:at] + letter + token[at + 1 :]
    for tried in (
        changed,
        data.draw(st.text(max_size=200)),
        data.draw(st.text(".eyJ0", max_size=99)),
    ):
        with pytest.raises(TokenRefused):
            check(pairs, tried)


def test_a_renewed_key_is_found_without_a_restart_and_the_one_before_still_counts(tmp_path):
    pairs = KeyPairs.lay(tmp_path, "psp")
    reader, before = pairs.verifier(), signed(pairs)
    parties = {"issuer": "psp", "audience": "intake", "now": NOW}
    assert reader.verify(before, SHORT, **parties)
    pairs.renew("psp")

    assert reader.verify(signed(pairs), SHORT, **parties)
    assert reader.verify(before, SHORT, **parties)

    pairs.renew("psp", keep=0)
    with pytest.raises(TokenRefused):
        pairs.verifier().verify(before, SHORT, **parties)


@pytest.mark.parametrize("content", ["", "{}", "[]", "x" * 96, '{"crv": "P-256", "kid": "a"}'])
def test_another_file_is_no_signing_key(tmp_path, content):
    file = tmp_path / "signing.key"
    file.write_text(content)

    with pytest.raises(ValueError, match="no private signing key"):
        Signer.read("psp", file)


def test_a_public_key_signs_nothing(pairs, tmp_path):
    file = tmp_path / "signing.key"
    (key,) = json.loads((pairs.public / "psp.json").read_text())["keys"]
    file.write_text(json.dumps(key))

    with pytest.raises(ValueError, match="no private signing key"):
        Signer.read("psp", file)
    assert "d" not in key
