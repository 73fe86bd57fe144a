"""Tokens that one service signs and another checks: compact JWS (RFC 7515), ES256.

Each service has a key pair of its own. The private key is its secret; the public keys of all lie
in one folder that every service reads, one JWK set a file, named after its service. So a service can
check what another has said, and can say nothing in its name.

One form only: a fixed algorithm, a `typ` for each kind of token, the issuer's key by its id, one
issuer, one audience, an id, and a lifetime that the kind bounds. A token of one kind is never taken
for another. A refusal does not say why, and quotes nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from uuid import uuid4

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

__all__ = [
    "ALGORITHM",
    "Kind",
    "PublicKeys",
    "Signer",
    "TokenRefused",
    "new_signing_key",
    "public_signing_key",
]

Jwk = dict[str, Any]

ALGORITHM: Final = "ES256"
CURVE: Final = "P-256"
CLOCKS_DIFFER: Final = timedelta(seconds=5)
"""How far the issuer's clock may be ahead of the reader's."""
_MOST_CHARACTERS: Final = 4_096
_PUBLIC_MEMBERS: Final = ("kty", "crv", "x", "y", "kid", "use", "alg")
_REGISTERED: Final = frozenset({"iss", "aud", "iat", "exp", "jti"})
_REGISTRY: Final = jws.JWSRegistry(algorithms=[ALGORITHM])


class TokenRefused(Exception):
    """The token is not one of that kind, from that issuer, for that audience, valid now."""


class Kind(NamedTuple):
    """A kind of token."""

    typ: str
    """Its `typ` (RFC 8725, 3.11): such as `session+jwt`."""
    longest: timedelta
    """The longest lifetime; a token with a longer one is refused."""


def new_signing_key() -> Jwk:
    """Make a new private key as a JWK; its `kid` is its thumbprint (RFC 7638)."""
    key = ECKey.generate_key(CURVE, private=True)
    return {
        **key.as_dict(private=True),
        "kid": key.thumbprint(),
        "use": "sig",
        "alg": ALGORITHM,
    }


def public_signing_key(key: Mapping[str, Any]) -> Jwk:
    """Return the public part of a key, with which others check."""
    return {name: key[name] for name in _PUBLIC_MEMBERS if name in key}


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs in the name of one service."""

    service: str
    _id: str
    _key: ECKey = field(repr=False)

    @classmethod
    def read(cls, service: str, file: Path) -> Self:
        """Read the service's private key; raises ValueError with one sentence for another file."""
        try:
            key = json.loads(file.read_text())
            ready = ECKey.import_key(key)
            if key["crv"] == CURVE and ready.is_private:
                return cls(service, str(key["kid"]), ready)
        except (OSError, ValueError, TypeError, KeyError, JoseError):
            pass
        raise ValueError("the file holds no private signing key on P-256")

    def sign(
        self,
        kind: Kind,
        claims: Mapping[str, object],
        *,
        audience: str,
        lasts: timedelta,
        now: datetime | None = None,
    ) -> str:
        """Return a signed token with an id of its own (`jti`).

        Args:
            kind: the kind of token.
            claims: what it says, beside issuer, audience, times and id.
            audience: the service that it is for.
            lasts: its lifetime.
            now: the time of signing; the present by default.

        Raises:
            ValueError: the lifetime exceeds the kind's, or a claim is one that is set here.

        """
        if not timedelta(0) < lasts <= kind.longest:
            raise ValueError("the lifetime is not within that of the kind")
        if _REGISTERED & claims.keys():
            raise ValueError("issuer, audience, times and id are set by the signer")
        issued = int((now or datetime.now(UTC)).timestamp())
        content = {
            **claims,
            "iss": self.service,
            "aud": audience,
            "iat": issued,
            "exp": issued + int(lasts.total_seconds()),
            "jti": uuid4().hex,
        }
        header = {"alg": ALGORITHM, "typ": kind.typ, "kid": self._id}
        written = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return jws.serialize_compact(header, written, self._key, registry=_REGISTRY)


class PublicKeys:
    """The public keys of all services, read again when a token names a key that is not known yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, dict[str, ECKey]] = {}

    def verify(
        self,
        token: str,
        kind: Kind,
        *,
        issuer: str,
        audience: str,
        now: datetime | None = None,
    ) -> dict[str, Any]:
        """Return the claims of a token.

        Args:
            token: as it arrived.
            kind: what it must be.
            issuer: the service that must have signed it.
            audience: the service that it must be for.
            now: the time at which it must be valid; the present by default.

        Raises:
            TokenRefused: it is anything else.

        """
        try:
            return self._verified(token, kind, (issuer, audience), now or datetime.now(UTC))
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            raise TokenRefused from None

    def _verified(
        self, token: str, kind: Kind, parties: tuple[str, str], now: datetime
    ) -> dict[str, Any]:
        if len(token) > _MOST_CHARACTERS or not token.isascii():
            raise ValueError
        issuer, _ = parties
        longest = int(kind.longest.total_seconds())
        unchecked = jws.extract_compact(token.encode())
        header = unchecked.headers()
        if header.keys() != {"alg", "typ", "kid"} or header["typ"] != kind.typ:
            raise ValueError
        key = self._key(issuer, str(header["kid"]))
        content = json.loads(jws.deserialize_compact(token, key, registry=_REGISTRY).payload)
        issued, ends = content["iat"], content["exp"]
        if type(issued) is not int or type(ends) is not int:
            raise TypeError
        is_ours = (content["iss"], content["aud"]) == parties and isinstance(content["jti"], str)
        at = now.timestamp()
        is_now = issued - CLOCKS_DIFFER.total_seconds() <= at < ends
        if not is_ours or not is_now or not 0 < ends - issued <= longest:
            raise ValueError
        return dict(content)

    def _key(self, service: str, key_id: str) -> ECKey:
        known = self._known.get(service, {})
        if key_id not in known:
            known = self._known[service] = self._read(service)
        return known[key_id]

    def _read(self, service: str) -> dict[str, ECKey]:
        try:
            keys = json.loads((self._folder / f"{service}.json").read_text())["keys"]
        except OSError:
            return {}
        return {str(key["kid"]): ECKey.import_key(public_signing_key(key)) for key in keys}
