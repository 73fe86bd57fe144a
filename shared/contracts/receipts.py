"""The replies to a partner: accepted, rejected field by field, or routed later by triage.

Receipts come on `partner.<id>.replies`, keyed by the partner's own reference, and carry no
sequence. A message describes the fault in English, and never repeats what was sent.
"""

from enum import StrEnum
from typing import ClassVar, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

__all__ = [
    "MAX_ERRORS",
    "REPLIES_SOURCE",
    "FieldError",
    "Receipt",
    "ReportAccepted",
    "ReportRejected",
    "ReportRouted",
    "Rule",
]

REPLIES_SOURCE: Final = "/intake/replies"
"""The `ce_source` of every receipt."""

MAX_ERRORS: Final = 50
"""The most faults that one rejection names; the next attempt shows the rest."""


class Rule(StrEnum):
    """Why something was refused: the published list. Codes are added, never renamed."""

    # the envelope and the shape of fields
    MISSING = "missing"
    REPEATED = "repeated"
    UNREADABLE = "unreadable"
    UNSUPPORTED = "unsupported"
    MISMATCH = "mismatch"
    MALFORMED = "malformed"
    WRONG_TYPE = "wrong_type"
    UNKNOWN_VALUE = "unknown_value"
    BLANK = "blank"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"

    # the seal
    SEAL_MISSING = "seal_missing"
    SEAL_TOO_LARGE = "seal_too_large"
    SEAL_MALFORMED = "seal_malformed"
    SEAL_HEADER = "seal_header"
    SEAL_ALGORITHM = "seal_algorithm"
    SEAL_COMPRESSED = "seal_compressed"
    SEAL_UNKNOWN_KEY = "seal_unknown_key"
    SEAL_BROKEN = "seal_broken"

    # the JSON inside
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_NAME = "duplicate_name"
    TOO_DEEP = "too_deep"
    TOO_LARGE = "too_large"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    LONE_SURROGATE = "lone_surrogate"

    # the reference
    CONFLICT = "conflict"
    LOOKS_LIKE_CPR = "looks_like_cpr"
    UNKNOWN_REFERENCE = "unknown_reference"

    # places and times
    UNKNOWN_MUNICIPALITY = "unknown_municipality"
    NO_YOUTH_COUNCIL = "no_youth_council"
    IN_THE_FUTURE = "in_the_future"

    # people
    NAME_OR_CPR_MISSING = "name_or_cpr_missing"
    DUPLICATE_LABEL = "duplicate_label"
    UNKNOWN_LABEL = "unknown_label"
    OWN_CUSTODY = "own_custody"
    NOT_FROM_THIS_KIND = "not_from_this_kind"
    SUSPECT_UNDER_15 = "suspect_under_15"
    SUSPECT_UNDER_10 = "suspect_under_10"
    CONVICTED_UNDER_15 = "convicted_under_15"

    # section 115
    DISCLOSURE_MISSING = "disclosure_missing"
    DISCLOSURE_NOT_ALLOWED = "disclosure_not_allowed"
    WRONG_FORM = "wrong_form"
    WRONG_BASIS = "wrong_basis"
    RECIPIENT_OUTSIDE_FORM = "recipient_outside_form"


class FieldError(BaseModel):
    """One fault in a report, described so that the partner can correct it."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    field: str
    """A JSON Pointer into the opened report ("" is the whole), `header:<name>`, or `seal`."""
    rule: str
    """A code from `Rule`; a reader takes codes it does not know."""
    message: str

    @classmethod
    def of(cls, field: str, rule: Rule, message: str) -> Self:
        """Return the error that `rule` makes at `field`."""
        return cls(field=field, rule=rule.value, message=message)


class Receipt(BaseModel):
    """The reply to one report; its partner may rely on it."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    type: ClassVar[str]
    reference: str

    def subject(self) -> str:
        """Return the partner's reference: `ce_subject` and the key."""
        return self.reference

    def write(self) -> bytes:
        """Return the record's value."""
        return self.model_dump_json().encode()


class ReportAccepted(Receipt):
    """The report was accepted, once. The same report again gets the same receipt."""

    type: ClassVar[str] = "intake.report_accepted.v1"
    case_id: UUID | None
    """The case it opened, or null where triage decides; `ReportRouted` has it then."""


class ReportRejected(Receipt):
    """The report was rejected. A corrected report may be sent under the same reference."""

    type: ClassVar[str] = "intake.report_rejected.v1"
    errors: tuple[FieldError, ...]


class ReportRouted(Receipt):
    """Triage opened a case for a report that was accepted without a process."""

    type: ClassVar[str] = "intake.report_routed.v1"
    case_id: UUID
