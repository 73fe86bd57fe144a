"""What a record of a partner has become before its transaction begins."""

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
"""A report, and the mark of what it says."""


def taken_at(record: Record) -> datetime:
    """Return when the broker took a record in, by its clock."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=record.timestamp_ms)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record that cannot be answered."""

    record: Record
    """As it came; once it is prepared, the stand-in that carries it unreadably."""
    reason: str
    cause: str | None = None
    """What failed here, to count by; None where the record itself is at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A record with a letter that will be answered, read and sealed ahead of its transaction."""

    record: Record
    """As it came; once it is prepared, the stand-in that carries it unreadably."""
    letter: Letter
    kind: PartnerKind
    report_id: UUID
    trace: str | None = None
    """The partner's own trace, where it wrote one that may travel on."""
    opened: bytes = field(repr=False)
    """Empty where it did not open."""
    sealed: SealedReport | None = None
    """None where there is nothing new to keep."""

    @property
    def identity(self) -> Identity:
        """What is told, and under which reference."""
        return self.report_id, self.letter.content

    @property
    def received_at(self) -> datetime:
        """When the broker took it in: also what came while intake was away came then."""
        return taken_at(self.record)


Arrival = LeftOut | Arrived
