"""Reads one record of a partner's topic without trust: a letter to judge, or an unanswerable one.

A letter is bound to its envelope: the topic names the sender, `ce_subject` (else the key) gives the
reference, and the sealed content must state the same. A record is unanswerable if no reference can
be read or a reply must not repeat it; the caller sets it aside whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from services.intake.domain import Letter
from shared.contracts.envelope import EnvelopeRefused, read_letter_envelope
from shared.contracts.opened import OpenedRefused
from shared.contracts.references import reply_to, usable_reference
from shared.contracts.report import ReportRefused, canonical, check_report, reference_inside
from shared.security.sealed_letters import SealKeys, SealRefused

if TYPE_CHECKING:
    from datetime import datetime

    from services.intake.blind import BlindIndex
    from services.intake.partners import Partner
    from shared.contracts.receipts import FieldError
    from shared.engine import Record

__all__ = ["TOPIC_PATTERN", "UNKNOWN_PARTNER", "Read", "Unanswerable", "partner_of", "read_letter"]

TOPIC_PATTERN: Final = r"^partner\.[a-z][a-z0-9-]*\.reports$"
_TOPIC: Final = re.compile(r"partner\.([a-z][a-z0-9-]*)\.reports\Z")


@dataclass(frozen=True, slots=True)
class Read:
    """A letter that can be answered, and its opened bytes."""

    letter: Letter
    opened: bytes = b""
    traceparent: str | None = None
    """As the partner sent it."""


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """A record to set aside. The reason is for operators and quotes nothing of it."""

    reason: str


NO_REFERENCE: Final = Unanswerable("no reference can be read, so no reply can be addressed")
BAD_REFERENCE: Final = Unanswerable("the reference breaks its pattern or must not be repeated")
UNKNOWN_PARTNER: Final = "the partner is not registered, or was removed"


def partner_of(topic: str) -> str | None:
    """Return the partner of a topic: the broker lets nobody else write there."""
    match = _TOPIC.match(topic)
    return None if match is None else match.group(1)


def read_letter(
    record: Record, partner: Partner, *, keys: SealKeys, index: BlindIndex, now: datetime
) -> Read | Unanswerable:
    """Open and check a partner's record. Errors of the partner are returned, not raised."""
    errors: tuple[FieldError, ...] = ()
    traceparent = None
    try:
        envelope = read_letter_envelope(record.headers, partner=partner.id)
        subject, traceparent = envelope.subject, envelope.traceparent
    except EnvelopeRefused as refused:
        subject, errors = refused.subject, refused.errors
    addressed = reply_to(subject, record.key)
    errors += addressed.errors

    opened: bytes | None = None
    seal_errors: tuple[FieldError, ...] = ()
    if addressed.reference is None or not errors:
        try:
            opened = keys.open(record.value)
        except SealRefused as refused:
            seal_errors = refused.errors
    reference = addressed.reference
    if reference is None and opened is not None:
        reference = reference_inside(opened)
    if reference is None:
        return NO_REFERENCE
    if usable_reference(reference) is None:
        return BAD_REFERENCE
    errors += seal_errors
    if errors or opened is None:
        return Read(Letter(partner=partner.id, reference=reference, errors=errors))
    read = _read_opened(opened, reference, partner, index=index, now=now)
    return replace(read, traceparent=traceparent)


def _read_opened(
    opened: bytes, reference: str, partner: Partner, *, index: BlindIndex, now: datetime
) -> Read:
    try:
        content = index.content(canonical(opened))
    except OpenedRefused as refused:
        return Read(Letter(partner=partner.id, reference=reference, errors=refused.errors))
    try:
        report = check_report(
            opened,
            partner=partner.id,
            kind=partner.kind,
            municipalities=partner.municipalities,
            reference=reference,
            now=now,
        )
    except ReportRefused as refused:
        return Read(
            Letter(partner=partner.id, reference=reference, content=content, errors=refused.errors),
            opened,
        )
    return Read(
        Letter(partner=partner.id, reference=reference, content=content, report=report), opened
    )
