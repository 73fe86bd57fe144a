"""A grant is one service's word for one person, one case and five minutes, and nobody else's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.security.grants import (
    GRANT,
    MOST_PARTIES,
    Grant,
    GrantLate,
    read_grant,
    sign_grant,
)
from shared.security.signatures import Kind, TokenRefused
from tests.signing import KeyPairs

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
THE_GRANT = Grant(
    staff_id="mona",
    session="s-1",
    case_id=UUID(int=1),
    parties=tuple(UUID(int=number) for number in range(2, 2 + MOST_PARTIES)),
    side="responsible",
    purposes=("arrange_meeting", "ask_consent", "send_letter", "other"),
    named=True,
)
CLAIMS = {
    "sub": "mona",
    "sid": "s-1",
    "case": str(UUID(int=1)),
    "parties": [str(UUID(int=2))],
    "side": "harmed",
    "purposes": ["ask_consent"],
    "named": False,
}


@pytest.fixture
def pairs(tmp_path):
    return KeyPairs.lay(tmp_path, "mediation", "psp", "notify")


def read(pairs, token, now=NOW):
    return read_grant(pairs.verifier(), token, issuers=("mediation", "psp"), now=now)


def signed(pairs, issuer="mediation", kind=GRANT, audience="intake", **claims):
    return pairs.signer(issuer).sign(
        kind, CLAIMS | claims, audience=audience, lasts=timedelta(seconds=300), now=NOW
    )


def test_a_grant_is_read_as_it_was_signed_with_its_issuer_and_an_id_of_its_own(pairs):
    first, second = (sign_grant(pairs.signer("mediation"), THE_GRANT, now=NOW) for _ in range(2))

    grant = read(pairs, first)

    assert replace(grant, id="") == replace(THE_GRANT, issuer="mediation")
    assert grant.id != read(pairs, second).id


def test_a_grant_lasts_five_minutes_and_a_late_one_still_says_which_form_it_was(pairs):
    token = sign_grant(pairs.signer("psp"), THE_GRANT, now=NOW)

    assert read(pairs, token, NOW + timedelta(seconds=299)).issuer == "psp"
    with pytest.raises(GrantLate) as late:
        read(pairs, token, NOW + timedelta(seconds=300))
    assert (late.value.grant.case_id, late.value.grant.side) == (UUID(int=1), "responsible")


def test_a_grant_of_the_future_is_none(pairs):
    with pytest.raises(TokenRefused):
        read(pairs, signed(pairs), NOW - timedelta(minutes=1))


def test_a_grant_of_a_service_without_cases_is_none(pairs):
    with pytest.raises(TokenRefused):
        read(pairs, signed(pairs, "notify"))


def test_a_service_cannot_sign_as_another(pairs, tmp_path):
    forger = KeyPairs.lay(tmp_path / "elsewhere", "mediation")

    with pytest.raises(TokenRefused):
        read(pairs, signed(forger))
    late = NOW + timedelta(hours=1)
    with pytest.raises(TokenRefused):
        read(pairs, signed(forger), late)


@pytest.mark.parametrize(
    "token",
    [
        {"kind": Kind("session+jwt", timedelta(hours=1))},
        {"audience": "psp"},
        {"case": "none"},
        {"case": None},
        {"parties": []},
        {"parties": "x"},
        {"parties": [1]},
        {"parties": [str(UUID(int=2))] * (MOST_PARTIES + 1)},
        {"purposes": []},
        {"purposes": [""]},
        {"purposes": ["x" * 129]},
        {"sub": ""},
        {"sid": 5},
        {"side": None},
    ],
    ids=str,
)
def test_what_is_not_a_whole_grant_for_intake_is_none(pairs, token):
    with pytest.raises(TokenRefused):
        read(pairs, signed(pairs, **token))


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "å" * 10, "." * 5000, "e30.e30.e30"])
def test_bytes_that_are_no_token_are_refused(pairs, token):
    with pytest.raises(TokenRefused):
        read(pairs, token)


@pytest.mark.parametrize("named", ["yes", 1, None])
def test_somebody_is_named_only_where_the_service_says_so_plainly(pairs, named):
    assert read(pairs, signed(pairs, named=named)).named is False


def test_too_many_parties_are_not_signed(pairs):
    with pytest.raises(ValueError, match="too many"):
        sign_grant(pairs.signer("psp"), replace(THE_GRANT, parties=THE_GRANT.parties * 2))
