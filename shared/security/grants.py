"""Grants: how a service asks intake, for one member of staff, to show the names of its case.

A grant is a token (`signatures`) under the asking service's own key, for intake alone. It is made when
a person opens the form of purposes, lasts five minutes at most, and is used once. It only narrows:
intake shows nothing that its own store and its own table do not allow. One thing intake cannot know,
who is named on a case: `named` says it, and it is believed of the issuer alone, for its own cases.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from joserfc import jws
from joserfc.errors import JoseError

from shared.security.signatures import Kind, PublicKeys, Signer, TokenRefused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["GRANT", "INTAKE", "MOST_PARTIES", "Grant", "GrantLate", "read_grant", "sign_grant"]

GRANT: Final = Kind("names+jwt", timedelta(seconds=300))
"""The kind of token, with its longest lifetime."""
INTAKE: Final = "intake"
"""The only audience."""
MOST_PARTIES: Final = 20
"""Parties in one grant: more do not fit into a token."""
_MOST_CODES: Final = 16
_MOST_CHARACTERS: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a service lets a member of staff ask of intake."""

    staff_id: str
    session: str
    """The session in which the form was opened."""
    case_id: UUID
    parties: tuple[UUID, ...]
    side: str
    """The side of the case, as the service calls it: each is asked for apart."""
    purposes: tuple[str, ...]
    """The purposes that the form offers, as codes."""
    named: bool
    """Whether the case names the member of staff."""
    issuer: str = ""
    """The service that signed it; the signer sets it."""
    id: str = ""
    """It is used once; the signer sets it."""


class GrantLate(Exception):
    """The grant was one, and its time is over. The form is to be opened again."""

    def __init__(self, grant: Grant) -> None:
        super().__init__("the grant's time is over")
        self.grant = grant


def sign_grant(signer: Signer, grant: Grant, *, now: datetime | None = None) -> str:
    """Return a grant as a token; raises ValueError for one that names too many parties."""
    if len(grant.parties) > MOST_PARTIES:
        raise ValueError("the grant names too many parties")
    claims = {
        "sub": grant.staff_id,
        "sid": grant.session,
        "case": str(grant.case_id),
        "parties": [str(party) for party in grant.parties],
        "side": grant.side,
        "purposes": list(grant.purposes),
        "named": grant.named,
    }
    return signer.sign(GRANT, claims, audience=INTAKE, lasts=GRANT.longest, now=now)


def read_grant(
    keys: PublicKeys, token: str, *, issuers: Collection[str], now: datetime | None = None
) -> Grant:
    """Return the grant in a token that one of the issuers has signed.

    Raises:
        GrantLate: it was valid, and is not any more.
        TokenRefused: it is no grant of theirs.

    """
    issuer, issued = _claimed(token)
    if issuer not in issuers:
        raise TokenRefused
    try:
        return _grant(keys.verify(token, GRANT, issuer=issuer, audience=INTAKE, now=now))
    except TokenRefused:
        if issued >= (now or datetime.now(UTC)):
            raise
        then = keys.verify(token, GRANT, issuer=issuer, audience=INTAKE, now=issued)
        raise GrantLate(_grant(then)) from None


def _claimed(token: str) -> tuple[str, datetime]:
    """Return the issuer and the time that a token claims; nothing of it is checked yet."""
    try:
        content = json.loads(jws.extract_compact(token.encode()).payload)
        return str(content["iss"]), datetime.fromtimestamp(content["iat"], UTC)
    except (JoseError, ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        raise TokenRefused from None


def _grant(claims: Mapping[str, Any]) -> Grant:
    try:
        parties = tuple(UUID(party) for party in _list(claims["parties"], MOST_PARTIES))
        return Grant(
            staff_id=_word(claims["sub"]),
            session=_word(claims["sid"]),
            case_id=UUID(claims["case"]),
            parties=parties,
            side=_word(claims["side"]),
            purposes=tuple(_word(code) for code in _list(claims["purposes"], _MOST_CODES)),
            named=claims["named"] is True,
            issuer=_word(claims["iss"]),
            id=_word(claims["jti"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        raise TokenRefused from None


def _list(value: object, most: int) -> list[Any]:
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise ValueError("no list of that length")
    return value


def _word(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_CHARACTERS:
        raise ValueError("no word of that length")
    return value
