"""How long a report may wait for triage: set when it begins to wait, told when it has passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from services.intake import domain, reports
from shared.engine import Deadlines
from shared.engine.timers.timers import follow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from shared.engine import Due, Unit

__all__ = ["make_deadlines", "wait_until"]

TRIAGE: Final = "triage"
"""The deadline of a waiting report."""


def wait_until(unit: Unit, report_id: UUID, due_at: datetime) -> None:
    """Let a report wait so long for a decision, and no longer."""
    follow(unit, str(report_id), before={}, now={TRIAGE: due_at})


def make_deadlines() -> Deadlines:
    """What happens when triage has not decided in time."""
    deadlines = Deadlines()
    deadlines.on(TRIAGE, needs=_report)(_on_triage_due)
    return deadlines


def _report(due: Due) -> Mapping[str, list[str]]:
    return {reports.COLLECTION: [due.subject]}


def _on_triage_due(due: Due, unit: Unit) -> None:
    """Tell the secretariat, once; the report goes on waiting: a person decides, and no clock."""
    document = unit.load(reports.COLLECTION, due.subject)
    waiting = reports.waiting_of(document)
    if document is None or waiting is None:
        return
    told = domain.triage_overdue(waiting, unit.now)
    if told is not None:
        unit.save(reports.COLLECTION, {**document, "overdue": True})
        unit.emit(told, counted_in=(reports.COLLECTION, due.subject))
    elif not waiting.overdue:
        wait_until(unit, waiting.report_id, waiting.due_at)
