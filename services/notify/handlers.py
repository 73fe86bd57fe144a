"""Kafka in, and time: each fact is remembered with its case, and tells whom it concerns, once.

However late a fact comes, its notice lies in the inbox: nobody goes untold because notify was away.
A notice that nobody acknowledges in time is recalled, once, to all whom it is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.notify import domain
from services.notify.notices import NOTICES, REMINDER, deadlines_of, remind, stored
from shared.cases.working_time import ACKNOWLEDGE_WITHIN
from shared.contracts import mediation, psp
from shared.contracts.intake import CaseOpened, TriageOverdue, TriageWaiting
from shared.engine import Inbox, Timers
from shared.engine.timers.timers import sync_timers

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.cases.working_time import Length
    from shared.contracts import Fact
    from shared.engine import Timer, Unit

__all__ = ["CASES", "make_inbox", "make_timers"]

CASES: Final = "cases"
"""What notify knows of each case or waiting report: its process and place."""


def make_inbox(within: Length = ACKNOWLEDGE_WITHIN) -> Inbox:
    """The facts that are taken in; `within` is how soon somebody must acknowledge a notice."""
    inbox = Inbox()
    tell = _telling(within)

    @inbox.on(CaseOpened)
    def on_case_opened(fact: CaseOpened, unit: Unit) -> None:
        """Remember the case; its own service says when somebody must act on it."""
        _remember(fact, unit, process=fact.process.value, municipality=fact.municipality)

    @inbox.on(TriageWaiting, needs=_notices)
    def on_triage_waiting(fact: TriageWaiting, unit: Unit) -> None:
        """Tell the secretariat that a report waits."""
        _remember(fact, unit, process=None, municipality=fact.municipality)
        tell(fact, unit)

    for told in (
        TriageOverdue,
        mediation.CaseReceived,
        mediation.StepDue,
        psp.CaseReceived,
        psp.StepDue,
    ):
        inbox.on(told, needs=_notices)(tell)
    return inbox


def make_timers() -> Timers:
    """What happens when nobody acknowledged a notice in time."""
    timers = Timers()
    timers.on(REMINDER, needs=_notice)(_on_reminder_due)
    return timers


def _notices(fact: Fact) -> dict[str, list[str]]:
    return {NOTICES: [str(notice.id) for notice in domain.notices_of(fact)]}


def _notice(timer: Timer) -> dict[str, list[str]]:
    return {NOTICES: [timer.subject]}


def _remember(fact: Fact, unit: Unit, *, process: str | None, municipality: str) -> None:
    known = unit.load(CASES, fact.subject()) or {"_id": fact.subject()}
    unit.save(CASES, {**known, "process": process, "municipality": municipality})


def _telling(within: Length) -> Callable[[Fact, Unit], None]:
    def tell(fact: Fact, unit: Unit) -> None:
        """Lay a notice into the inbox of whom the fact concerns, once."""
        for notice in domain.notices_of(fact):
            if unit.load(NOTICES, str(notice.id)) is None:
                at = domain.remind_at(notice.due_at, unit.now, within)
                document = stored(notice, unit.now, at)
                unit.save(NOTICES, document)
                now = deadlines_of(document)
                sync_timers(unit, document["_id"], before={}, now=now, case_id=fact.subject())
                unit.emit(domain.told(notice))

    return tell


def _on_reminder_due(timer: Timer, unit: Unit) -> None:
    notice = unit.load(NOTICES, timer.subject)
    if notice is None or not deadlines_of(notice):
        return
    unit.save(NOTICES, remind(notice, unit.now))
    unit.emit(domain.reminded(notice))
