"""A partner's letter, made from the public contract with another library than the services use."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

from jwcrypto import jwe, jwk

__all__ = ["content_mark", "fetch_seal_key", "headers_of", "seal_letter"]

Headers = list[tuple[str, str | bytes | None]]


def fetch_seal_key(jwks_url: str) -> jwk.JWK:
    """Return the newest of intake's public keys."""
    with urlopen(jwks_url, timeout=10) as answer:  # noqa: S310 - the address is from the credentials file
        published = json.load(answer)
    return jwk.JWK(**published["keys"][-1])


def seal_letter(opened: bytes, key: jwk.JWK, **header: Any) -> bytes:
    """Seal bytes to intake; `header` changes the protected header."""
    protected = {
        "alg": "ECDH-ES+A256KW",
        "enc": "A256GCM",
        "kid": key.export_public(as_dict=True)["kid"],
        "cty": "application/json",
    } | header
    sealed = jwe.JWE(opened, protected=json.dumps(protected))
    sealed.add_recipient(key)
    letter: str = sealed.serialize(compact=True)
    return letter.encode("ascii")


def headers_of(partner: str, reference: str | None, **changed: Any) -> Headers:
    """Return the envelope's headers; `changed` names them with underscores (`content_type`)."""
    headers: dict[str, Any] = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_source": f"/partners/{partner}",
        "ce_type": "intake.report_submitted.v1",
        "ce_time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "ce_subject": reference,
        "content-type": "application/jose",
    } | {name.replace("content_type", "content-type"): value for name, value in changed.items()}
    return [(name, value) for name, value in headers.items() if value is not None]


def content_mark(report: Any) -> str:
    """Return what two sends of one report share."""
    text = json.dumps(report, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
