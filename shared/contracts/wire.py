"""The content of each topic: its types, the form of their records, and the frozen table of topics.

Everything follows from the declared topics and the models. `rows` is the frozen table, one row for
the login, for each form and for each topic; `wire_growth.py` compares it with what was published.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from shared.contracts import source_of
from shared.contracts.envelope import MAX_SEALED, UPDATE_SUBMITTED
from shared.contracts.growth import without_words
from shared.contracts.headers import (
    REFERENCE_PATTERN,
    SUBJECT_PATTERN,
    fact_headers,
    letter_headers,
    reply_headers,
)
from shared.contracts.notify import StaffFact
from shared.contracts.processes import Process
from shared.contracts.schemas import FACTS, LETTERS, RECEIPTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.contracts import Fact
    from shared.contracts.topics import Topic

__all__ = [
    "CORRELATION",
    "LOGIN",
    "NOT_TAKEN_YET",
    "PROTOCOL",
    "REPLIES",
    "REPORTS",
    "SEALED",
    "Form",
    "Row",
    "form_of",
    "headers_of",
    "key_of",
    "rows",
    "topics_of",
    "types_on",
]

Row = dict[str, Any]
"""A row of the frozen table. Its first key is the kind of the row, and its value the name."""

REPORTS: Final = "partner.{partner}.reports"
"""The topic of the letters from a partner."""
REPLIES: Final = "partner.{partner}.replies"
"""The topic of the replies to a partner."""
NOT_TAKEN_YET: Final = frozenset({UPDATE_SUBMITTED})
"""Types that are published in advance: intake rejects them with `unsupported`."""
PROTOCOL: Final = "kafka-secure"
LOGIN: Final = "scramSha512"
CORRELATION: Final = "$message.header#/ce_subject"
"""What a letter and its receipts have in common."""
SEALED: Final = {"type": "string", "maxLength": MAX_SEALED}
"""The value of a letter's record: a compact JWE."""


class Form(StrEnum):
    """How a record is built."""

    LETTER = "letter"
    RECEIPT = "receipt"
    FACT = "fact"
    STAFF_FACT = "staff_fact"
    """A fact whose subject is no UUID."""

    @property
    def is_fact(self) -> bool:
        """Whether it is numbered in a stream, as all facts are."""
        return self in (Form.FACT, Form.STAFF_FACT)


def form_of(ce_type: str) -> Form:
    """Return the form of a type's records."""
    if ce_type in LETTERS:
        return Form.LETTER
    if ce_type in RECEIPTS:
        return Form.RECEIPT
    return Form.STAFF_FACT if issubclass(FACTS[ce_type], StaffFact) else Form.FACT


def topics_of(fact: type[Fact]) -> tuple[str, ...]:
    """Return every topic that may carry a fact; where there are several, its process decides."""
    if "process" in fact.model_fields:
        return tuple(fact.model_construct(process=process).topic() for process in Process)
    return (fact.model_construct().topic(),)


def types_on(topic: str) -> list[str]:
    """Return the types whose records are on a topic."""
    if topic == REPORTS:
        return list(LETTERS)
    if topic == REPLIES:
        return list(RECEIPTS)
    return [ce_type for ce_type, fact in FACTS.items() if topic in topics_of(fact)]


def headers_of(form: Form) -> dict[str, Any]:
    """Return the schema of the headers that all records of a form have."""
    match form:
        case Form.LETTER:
            return letter_headers()
        case Form.RECEIPT:
            return reply_headers()
        case Form.FACT:
            return fact_headers()
        case Form.STAFF_FACT:
            return fact_headers(subject={"type": "string", "pattern": SUBJECT_PATTERN})


def key_of(form: Form) -> dict[str, Any]:
    """Return the schema of the key of a form's records."""
    if form is Form.FACT:
        return {"type": "string", "format": "uuid"}
    if form is Form.STAFF_FACT:
        return {"type": "string", "pattern": SUBJECT_PATTERN}
    return {"type": "string", "pattern": REFERENCE_PATTERN}


def rows(topics: Iterable[Topic]) -> list[Row]:
    """Return what is frozen of the login, of each form, and of each topic."""
    return [
        {"server": "kafka", "protocol": PROTOCOL, "logins": [LOGIN]},
        *(_form_row(form) for form in Form),
        *(_topic_row(topic) for topic in topics),
    ]


def _form_row(form: Form) -> Row:
    headers = without_words(headers_of(form))
    row: Row = {"form": form.value, "key": key_of(form), "headers": headers}
    if form is Form.LETTER:
        row["value"] = SEALED
    if not form.is_fact:
        row["correlation"] = CORRELATION
    return row


def _topic_row(topic: Topic) -> Row:
    types = {ce_type: form_of(ce_type).value for ce_type in types_on(topic.name)}
    row: Row = {
        "topic": topic.name,
        "partitions": topic.partitions,
        "cleanup.policy": topic.config["cleanup.policy"],
        "retention.ms": int(topic.config["retention.ms"]),
        "max.message.bytes": int(topic.config["max.message.bytes"]),
        "writes": sorted(topic.writes),
        "reads": sorted(topic.reads),
    }
    if any(Form(form).is_fact for form in types.values()):
        row["source"] = source_of(topic.name)
    if topic.name == REPORTS:
        row["answers"] = REPLIES
    row["carries"] = {name: form for name, form in types.items() if name not in NOT_TAKEN_YET}
    if announced := {name: form for name, form in types.items() if name in NOT_TAKEN_YET}:
        row["announces"] = announced
    return row
