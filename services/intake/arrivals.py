"""A partner's record as it enters the transaction: a letter to judge, or one that has no answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from services.intake.domain import Letter
    from services.intake.sealed_report import SealedReport
    from shared.contracts.processes import PartnerKind
    from shared.engine import Record

__all__ = ["Arrival", "Arrived", "Identity", "LeftOut", "taken_at"]

Identity = tuple[UUID, str | None]
"""The id of a report, and the mark of its content."""


def taken_at(record: Record) -> datetime:
    """Return when the broker stored a record, by the broker's clock."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=record.timestamp_ms)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record that cannot be answered."""

    record: Record
    """As it arrived; after preparation, the stand-in that carries it sealed."""
    reason: str
    cause: str | None = None
    """Which failure of ours it was, for counting; None if the record itself is at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A record whose letter will be answered; it is read and sealed before its transaction."""

    record: Record
    """As it arrived; after preparation, the stand-in that carries it sealed."""
    letter: Letter
    kind: PartnerKind
    report_id: UUID
    trace: str | None = None
    """The partner's own trace id, if it sent one that may be passed on."""
    opened: bytes = field(repr=False)
    """The opened letter; empty if it could not be opened."""
    sealed: SealedReport | None = None
    """None if there is nothing new to store."""

    @property
    def identity(self) -> Identity:
        """The report's id, and the mark of the letter's content."""
        return self.report_id, self.letter.content

    @property
    def received_at(self) -> datetime:
        """When the broker stored it, also if intake did not run at that time."""
        return taken_at(self.record)


Arrival = LeftOut | Arrived
