"""Danger to life: what staff note of a report that says so, and who hears of it when. Pure.

A report that says so raises an alarm. Only a note stops it: that 112 was called, or that somebody
assessed it and there is no danger. If office hours end without a note, the duty officers get a notice too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from services.intake.domain import Status
from shared.cases.history import ActedOn, HistoryLine
from shared.cases.next_step import Decision
from shared.cases.working_time import end_of_office, is_office_time
from shared.contracts.intake import DangerNote, DangerNoted, DangerOverdue, DangerReported
from shared.errors import Rejected
from shared.staff.access import NO_LISTS, Action, Circle, Staff, may

__all__ = [
    "DANGER",
    "NEXT",
    "DeskReport",
    "NotAboutDanger",
    "NotedAlready",
    "asks_duty_officers_at",
    "danger_overdue",
    "danger_reported",
    "note_danger",
]


class NotAboutDanger(Rejected):
    """The report does not say danger to life."""


class NotedAlready(Rejected):
    """It was noted already, and the new note would not raise it."""


NEXT: Final[Mapping[DangerNote | None, frozenset[DangerNote]]] = MappingProxyType(
    {
        None: frozenset(DangerNote),
        DangerNote.NO_DANGER: frozenset({DangerNote.CALLED_112}),
        DangerNote.CALLED_112: frozenset(),
    }
)
"""From what was noted, what can be noted next: a call is never taken back."""


DANGER: Final = "danger"
"""The deadline at which the duty officers get a notice of a danger without a note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskReport(ActedOn):
    """A report as staff act on it: its standing and what was noted, and nothing that it says."""

    case_id: UUID
    """The id of the report: the acts of staff name what they are about so."""
    municipality: str
    stage: Status
    received_at: datetime
    says_danger: bool
    noted: DangerNote | None = None
    revision: int = 0
    history: tuple[HistoryLine, ...] = ()
    next_step: None = None
    due_at: datetime | None = None
    overdue: bool = False
    circle: Circle = NO_LISTS

    def is_open_to(self, staff: Staff, action: Action) -> bool:
        """Whether the access table allows a member of staff this with this report now.

        A report can be opened while it waits, and as long as it is kept if it says danger to life.
        """
        can_read = (self.stage is Status.WAITING and may(staff, Action.READ_REPORT)) or (
            self.says_danger and may(staff, Action.READ_DANGER_REPORT)
        )
        return can_read and (action is Action.READ_REPORT or may(staff, action))

    @property
    def is_alarm(self) -> bool:
        """Whether it says danger to life, and nobody has noted anything."""
        return self.says_danger and self.noted is None

    @property
    def deadlines(self) -> Mapping[str, datetime]:
        """When the duty officers get a notice too."""
        at = asks_duty_officers_at(self.received_at)
        return {DANGER: at} if self.is_alarm and at is not None else {}


def asks_duty_officers_at(received_at: datetime) -> datetime | None:
    """Return when office hours end, for what arrived in them; None for what did not: they know."""
    return end_of_office(received_at) if is_office_time(received_at) else None


def danger_reported(report_id: UUID, municipality: str, received_at: datetime) -> DangerReported:
    """Return the fact that raises the alarm."""
    return DangerReported(report_id=report_id, municipality=municipality, since=received_at)


def danger_overdue(report: DeskReport) -> DangerOverdue | None:
    """Return the fact that office hours have ended without a note; None if there is one."""
    if not report.is_alarm:
        return None
    return DangerOverdue(
        report_id=report.case_id, municipality=report.municipality, since=report.received_at
    )


def note_danger(report: DeskReport, note: DangerNote) -> Decision[DeskReport]:
    """Note what was done about the danger, and end the alarm.

    Raises:
        NotAboutDanger: the report does not say danger to life.
        NotedAlready: a call was noted, or the same was noted before.

    """
    if not report.says_danger:
        raise NotAboutDanger("the report does not say danger to life")
    if note not in NEXT[report.noted]:
        raise NotedAlready("it was noted already")
    fact = DangerNoted(
        report_id=report.case_id,
        municipality=report.municipality,
        since=report.received_at,
        note=note,
    )
    return Decision(replace(report, noted=note), (fact,))
