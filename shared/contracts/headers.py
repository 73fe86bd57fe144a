"""The envelope as schemas: the headers of each form of message, and their values."""

from __future__ import annotations

from typing import Any, Final

from shared.contracts.envelope import JSON_CONTENT_TYPE, LETTER_CONTENT_TYPE, TRACEPARENT
from shared.contracts.receipts import REPLIES_SOURCE
from shared.contracts.references import PARTNER_ID, REFERENCE

__all__ = [
    "PARTNER_PATTERN",
    "REFERENCE_PATTERN",
    "SUBJECT_PATTERN",
    "fact_headers",
    "letter_headers",
    "reply_headers",
]

Schema = dict[str, Any]


def _whole(pattern: str) -> str:
    return f"^{pattern.removesuffix(chr(92) + 'Z')}$"


REFERENCE_PATTERN: Final = _whole(REFERENCE.pattern)
"""What a partner's reference looks like; one shaped like a CPR number is refused besides."""
PARTNER_PATTERN: Final = _whole(PARTNER_ID.pattern)
"""What a partner's id looks like."""
SUBJECT_PATTERN: Final = "^[!-~]{1,255}$"
"""What the subject of a fact about staff looks like."""

_VERSION: Final = {"type": "string", "const": "1.0", "description": "Of CloudEvents."}
_ID: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": 1024,
    "description": "Unique within its source. A repeated record has the same one.",
}
_TIME: Final = {
    "type": "string",
    "format": "date-time",
    "description": "Time of the event according to its sender, with an offset; no rule depends on it.",
}
_TRACE: Final = {
    "type": "string",
    "pattern": _whole(TRACEPARENT.pattern),
    "description": "W3C trace context; one that cannot be read is dropped.",
}
_SCHEMA: Final = {"type": "string", "description": "The address of the schema of the value."}


def fact_headers(subject: Schema | None = None) -> Schema:
    """Describe the headers of a fact; its stream and its type are named by each message.

    `subject` describes an id that is no UUID.
    """
    subject = subject or {"type": "string", "format": "uuid"}
    return _headers(
        source={"type": "string", "description": "The stream."},
        subject={**subject, "description": "What it is about: the key."},
        content_type=JSON_CONTENT_TYPE,
        more={
            "ce_sequence": {
                "type": "string",
                "pattern": "^[0-9]{10}$",
                "description": "Counts per source and subject: from 1, without gaps.",
            },
            "ce_sequencetype": {"type": "string", "const": "Integer"},
        },
    )


def reply_headers() -> Schema:
    """Describe the headers of a receipt: no sequence, and the partner's reference as subject."""
    return _headers(
        source={"type": "string", "const": REPLIES_SOURCE},
        subject=_reference(),
        content_type=JSON_CONTENT_TYPE,
    )


def letter_headers() -> Schema:
    """Describe the headers of a sealed letter: the required and the optional ones."""
    described = _headers(
        source={
            "type": "string",
            "pattern": f"^/partners/{PARTNER_PATTERN[1:]}",
            "description": "`/partners/` and the id of the partner whose topic it is.",
        },
        subject=_reference(),
        content_type=LETTER_CONTENT_TYPE,
    )
    described["required"] = [
        name for name in described["required"] if name not in ("ce_subject", "ce_time")
    ]
    return described


def _reference() -> Schema:
    return {
        "type": "string",
        "pattern": REFERENCE_PATTERN,
        "description": "The partner's reference: the key, which replaces it where it is missing.",
    }


def _headers(
    *,
    source: Schema,
    subject: Schema,
    content_type: str,
    more: dict[str, Schema] | None = None,
) -> Schema:
    required = {
        "ce_specversion": dict(_VERSION),
        "ce_id": dict(_ID),
        "ce_source": source,
        "ce_type": {"type": "string", "description": "The type of the message."},
        "ce_time": dict(_TIME),
        "ce_subject": subject,
        "content-type": {"type": "string", "const": content_type},
        **(more or {}),
    }
    optional = {"ce_dataschema": dict(_SCHEMA), "traceparent": dict(_TRACE)}
    return {"type": "object", "properties": required | optional, "required": list(required)}
