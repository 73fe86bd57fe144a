"""References: the partner's own, and the one that staff read on pages and in mails.

Neither may ever be a CPR number: references are part of keys, addresses and notices.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from shared.contracts.processes import Process
from shared.contracts.receipts import FieldError, Rule

if TYPE_CHECKING:
    from uuid import UUID

__all__ = [
    "PARTNER_ID",
    "REFERENCE",
    "ReplyTo",
    "case_reference",
    "is_cpr_shaped",
    "reference_parts",
    "reply_to",
    "typed_part",
    "usable_reference",
]

REFERENCE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}\Z", re.ASCII)
"""What a partner may call its report."""

PARTNER_ID: Final = re.compile(r"[a-z][a-z0-9-]{1,39}\Z", re.ASCII)
"""What a partner may be called."""

_CPR_SHAPE: Final = re.compile(
    r"(?:0[1-9]|[12][0-9]|3[01]|6[1-9]|[78][0-9]|9[01])(?:0[1-9]|1[0-2])[0-9]{2}-?[0-9]{4}\Z",
    re.ASCII,
)
"""DDMMYY and four digits, with or without the hyphen; day + 60 is a hospital's stand-in number."""

_PREFIX: Final = {
    Process.MEDIATION: "KR",
    Process.PSP: "PSP",
    Process.SSP: "SSP",
    Process.CONCERN: "BS",
    Process.YOUTH_COUNCIL: "US",
    Process.YOUTH_BOARD: "UN",
    Process.HONOUR: "AE",
}
_TRIAGE_PREFIX: Final = "M"
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD: Final = str.maketrans("ILO", "110")
"""The letters that base 32 leaves out because they look like digits; no prefix has them either."""
_TYPED: Final = re.compile(r"[0-9A-Z]{1,11}\Z", re.ASCII)
_BETWEEN: Final = re.compile(r"[\s\u2010-\u2015-]+")


def is_cpr_shaped(text: str) -> bool:
    """Whether the whole text reads as a CPR number, valid or not."""
    return _CPR_SHAPE.match(text) is not None


def usable_reference(text: str | None) -> str | None:
    """Return the reference itself where a reply may repeat it, else None."""
    if text is None or not REFERENCE.match(text) or is_cpr_shaped(text):
        return None
    return text


class ReplyTo(NamedTuple):
    """Under which reference a letter is answered, and what was wrong with how it was addressed."""

    reference: str | None
    """As it was written, good or bad; None where neither subject nor key names one."""
    errors: tuple[FieldError, ...]


def reply_to(subject: str | None, key: bytes | None) -> ReplyTo:
    """Read a letter's reference from its `ce_subject`, or from the key where that is missing.

    Where both are present they must be the same. Where neither is, the reference inside the letter is
    all there is: the letter can be answered under it, but not be taken.
    """
    text = _readable(key)
    if subject is None and text is None:
        message = "The letter has neither a ce_subject nor a readable key."
        return ReplyTo(None, (FieldError.of("header:ce_subject", Rule.MISSING, message),))
    if subject is None or subject == text:
        return ReplyTo(text, ())
    message = "The ce_subject and the record's key must be the same reference."
    return ReplyTo(subject, (FieldError.of("header:ce_subject", Rule.MISMATCH, message),))


def _readable(key: bytes | None) -> str | None:
    if not key:
        return None
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError:
        return None


def case_reference(process: Process | None, case_id: UUID) -> str:
    """How people name a case: `KR-7Q2M-04XT`. It follows from the id alone, so it reveals no order or number.

    The prefix names the process: KR mediation, PSP, SSP, BS concern, US youth council, UN youth
    board, AE honour, M for a report in triage. Then the id's first 40 bits in Crockford's
    base 32, which has no I, L, O or U to misread.
    """
    bits = case_id.int >> 88
    digits = "".join(_CROCKFORD[bits >> shift & 31] for shift in range(35, -1, -5))
    prefix = _TRIAGE_PREFIX if process is None else _PREFIX[process]
    return f"{prefix}-{digits[:4]}-{digits[4:]}"


def reference_parts(reference: str) -> tuple[str, ...]:
    """Return every end of a reference without its hyphens, the longest first.

    Any part of the reference is the beginning of one of them: an index on them answers a search for
    a part (`typed_part`).
    """
    whole = reference.replace("-", "")
    return tuple(whole[at:] for at in range(len(whole)))


def typed_part(text: str) -> str | None:
    """Return what a person typed as a part of a reference: `kr-44rb` is KR44RB, `AS7I` is AS71.

    Capitals, hyphens and blanks do not count, and I, L and O are the digits that they look like.
    None where no reference can contain it; so a whole CPR number never reaches a query.
    """
    part = _BETWEEN.sub("", text).upper().translate(_MISREAD)
    return part if _TYPED.match(part) and not is_cpr_shaped(part) else None
