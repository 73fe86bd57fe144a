"""The deadlines of a report: for triage, and for a note about danger to life.

Each is set when the report arrives, and announced when it has passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from services.intake import danger, domain, reports
from services.intake.desk_reports import DESK_REPORTS
from shared.engine import Timers
from shared.engine.timers.timers import sync_timers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from shared.engine import Timer, Unit

__all__ = ["make_timers", "raise_alarm", "wait_until"]

TRIAGE: Final = "triage"
"""The deadline of a waiting report."""


def wait_until(unit: Unit, report_id: UUID, due_at: datetime) -> None:
    """Set the deadline for the decision on a report."""
    sync_timers(unit, str(report_id), before={}, now={TRIAGE: due_at})


def raise_alarm(unit: Unit, report_id: UUID) -> None:
    """Announce that a stored report says danger to life, and set when the duty officers are asked."""
    report = DESK_REPORTS.load(unit, report_id)
    if report is None or not report.is_alarm:
        return
    fact = danger.danger_reported(report_id, report.municipality, report.received_at)
    unit.emit(fact, counted_in=(reports.COLLECTION, str(report_id)))
    sync_timers(unit, str(report_id), before={}, now=report.deadlines)


def make_timers() -> Timers:
    """Return the timers that fire when triage has not decided, or nobody has noted, in time."""
    timers = Timers()
    timers.on(TRIAGE, needs=_report)(_on_triage_due)
    timers.on(danger.DANGER, needs=_report)(_on_danger_due)
    return timers


def _report(timer: Timer) -> Mapping[str, list[str]]:
    return {reports.COLLECTION: [timer.subject]}


def _on_triage_due(timer: Timer, unit: Unit) -> None:
    """Announce the overdue report, once. It goes on waiting: a person decides, not a clock."""
    document = unit.load(reports.COLLECTION, timer.subject)
    waiting = reports.waiting_of(document)
    if document is None or waiting is None:
        return
    fact = domain.triage_overdue(waiting, unit.now)
    if fact is not None:
        unit.save(reports.COLLECTION, {**document, "overdue": True})
        unit.emit(fact, counted_in=(reports.COLLECTION, timer.subject))
    elif not waiting.overdue:
        wait_until(unit, waiting.report_id, waiting.due_at)


def _on_danger_due(timer: Timer, unit: Unit) -> None:
    """Announce that office hours have ended and nobody has noted what was done, once."""
    report = DESK_REPORTS.load(unit, timer.subject)
    fact = None if report is None else danger.danger_overdue(report)
    if fact is not None:
        unit.emit(fact, counted_in=(reports.COLLECTION, timer.subject))
