"""The seal: a letter as a compact JWE (RFC 7516) that only intake can open.

One form only: ECDH-ES+A256KW on P-256 with A256GCM, a known key id, JSON inside, at most 256 KiB.
Compression is refused: its length would reveal something of the content, and a small letter could
open into a huge one. A refusal never quotes the letter's header.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any, Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from shared.contracts.envelope import MAX_SEALED
from shared.contracts.opened import OpenedRefused, read_opened
from shared.contracts.receipts import FieldError, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "ALGORITHM",
    "ENCRYPTION",
    "MAX_SEALED",
    "SealKeys",
    "SealRefused",
    "new_seal_key",
    "open_seal",
    "public_seal_key",
    "seal",
]

Jwk = dict[str, Any]

ALGORITHM: Final = "ECDH-ES+A256KW"
ENCRYPTION: Final = "A256GCM"
CONTENT: Final = "application/json"
CURVE: Final = "P-256"
_MAX_HEADER: Final = 1_024
_PARTS: Final = 5
_BASE64URL: Final = re.compile(rb"[A-Za-z0-9_-]*\Z")
_COORDINATE: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z", re.ASCII)
_PRIVATE_MEMBER: Final = "d"
_PUBLIC_MEMBERS: Final = ("kty", "crv", "x", "y", "kid", "use", "alg")


class SealRefused(ValueError):
    """The letter cannot be opened; `rule` is of the published list."""

    def __init__(self, rule: Rule, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message

    @property
    def errors(self) -> tuple[FieldError, ...]:
        """The refusal in the form of a receipt."""
        return (FieldError.of("seal", self.rule, self.message),)


class _Registry(jwe.JWERegistry):
    """Allows our two algorithms only, and letters as large as the contract allows."""

    max_ciphertext_length = MAX_SEALED

    def __init__(self) -> None:
        super().__init__(algorithms=[ALGORITHM, ENCRYPTION], strict_check_header=False)


_REGISTRY: Final = _Registry()


class SealKeys:
    """The private keys that open letters, imported once and found by their id."""

    def __init__(self, keys: Iterable[Mapping[str, Any]]) -> None:
        """Import private JWKs, each with its `kid`; raises ValueError for another key."""
        ready = [(key, _import(key, private=True)) for key in keys]
        self._keys = {str(key["kid"]): opener for key, opener in ready}

    def open(self, sealed: bytes | None) -> bytes:
        """Return the letter inside; raises `SealRefused`."""
        if not sealed:
            raise SealRefused(Rule.SEAL_MISSING, "There is no letter.")
        if len(sealed) > MAX_SEALED:
            raise SealRefused(Rule.SEAL_TOO_LARGE, f"The letter exceeds {MAX_SEALED} bytes.")
        header = _header(sealed)
        _check_header(header)
        key = self._keys.get(header["kid"])
        if key is None:
            raise SealRefused(Rule.SEAL_UNKNOWN_KEY, "The letter names no key of ours.")
        try:
            opened = jwe.decrypt_compact(sealed, key, registry=_REGISTRY).plaintext
        except (JoseError, ValueError, TypeError, AssertionError, binascii.Error):
            opened = None
        if opened is None:
            raise SealRefused(Rule.SEAL_BROKEN, "The letter does not open with the key it names.")
        return opened


def open_seal(sealed: bytes | None, keys: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the letter inside, by the one of `keys` that it names."""
    return SealKeys(keys).open(sealed)


def seal(opened: bytes, key: Mapping[str, Any]) -> bytes:
    """Seal a letter to a public JWK with a `kid`; raises `SealRefused` if it becomes too large."""
    header = {"alg": ALGORITHM, "enc": ENCRYPTION, "kid": key["kid"], "cty": CONTENT}
    public = _import(public_seal_key(key), private=False)
    sealed = jwe.encrypt_compact(header, opened, public, registry=_REGISTRY).encode("ascii")
    if len(sealed) > MAX_SEALED:
        raise SealRefused(Rule.SEAL_TOO_LARGE, f"The letter exceeds {MAX_SEALED} bytes.")
    return sealed


def new_seal_key() -> Jwk:
    """Make a new private key as a JWK; its `kid` is its thumbprint (RFC 7638)."""
    key = ECKey.generate_key(CURVE, private=True)
    return {
        **key.as_dict(private=True),
        "kid": key.thumbprint(),
        "use": "enc",
        "alg": ALGORITHM,
    }


def public_seal_key(key: Mapping[str, Any]) -> Jwk:
    """Return the public part of a key, which partners need to seal."""
    return {name: key[name] for name in _PUBLIC_MEMBERS if name in key}


def _import(key: Mapping[str, Any], *, private: bool) -> ECKey:
    if not isinstance(key.get("kid"), str):
        raise ValueError("A seal key must have an id.")  # noqa: TRY004 - a wrong key, not a bug
    if key.get("kty") != "EC" or key.get("crv") != CURVE or (_PRIVATE_MEMBER in key) != private:
        raise ValueError("A seal key must be an EC key on P-256.")
    try:
        return ECKey.import_key(dict(key))
    except (JoseError, ValueError, TypeError):
        raise ValueError("A seal key must be an EC key on P-256.") from None


def _header(sealed: bytes) -> dict[str, Any]:
    parts = sealed.split(b".", _PARTS)
    if len(parts) != _PARTS or not all(_BASE64URL.match(part) for part in parts):
        raise SealRefused(Rule.SEAL_MALFORMED, "The letter is not a compact JWE.")
    if len(parts[0]) > _MAX_HEADER:
        raise SealRefused(Rule.SEAL_HEADER, f"The header exceeds {_MAX_HEADER} characters.")
    try:
        padded = parts[0] + b"=" * (-len(parts[0]) % 4)
        return read_opened(binascii.a2b_base64(padded.translate(_FROM_URL), strict_mode=True))
    except (binascii.Error, OpenedRefused):
        raise SealRefused(Rule.SEAL_MALFORMED, "The header is not a JSON object.") from None


_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")


def _check_header(header: dict[str, Any]) -> None:
    if "zip" in header:
        raise SealRefused(Rule.SEAL_COMPRESSED, "A compressed letter is not opened.")
    if "crit" in header:
        raise SealRefused(Rule.SEAL_HEADER, "No critical header parameters are understood.")
    if header.get("alg") != ALGORITHM or header.get("enc") != ENCRYPTION:
        raise SealRefused(Rule.SEAL_ALGORITHM, f"Only {ALGORITHM} with {ENCRYPTION} is opened.")
    if not isinstance(header.get("kid"), str):
        raise SealRefused(Rule.SEAL_UNKNOWN_KEY, "The letter names no key.")
    if header.get("cty") != CONTENT:
        raise SealRefused(Rule.SEAL_HEADER, f"The content must be {CONTENT}.")
    ephemeral = header.get("epk")
    if (
        not isinstance(ephemeral, dict)
        or ephemeral.get("kty") != "EC"
        or ephemeral.get("crv") != CURVE
        or not all(_is_coordinate(ephemeral.get(name)) for name in ("x", "y"))
        or _PRIVATE_MEMBER in ephemeral
    ):
        raise SealRefused(Rule.SEAL_HEADER, f"The ephemeral key must be public and on {CURVE}.")


def _is_coordinate(value: object) -> bool:
    return isinstance(value, str) and _COORDINATE.match(value) is not None
