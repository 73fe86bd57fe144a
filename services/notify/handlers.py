"""Handlers of facts and timers: each fact updates its case, and creates its notice once.

A late fact creates its notice as well, so an outage of notify loses no notice. A notice that nobody
acknowledges in time is recalled, once, for its whole audience.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.notify import domain
from services.notify.notices import NOTICES, REMINDER, deadlines_of, remind, stored
from services.notify.rules import RULES
from shared.cases.working_time import ACKNOWLEDGE_WITHIN
from shared.contracts.intake import CaseOpened, TriageWaiting
from shared.engine import Inbox, Timers
from shared.engine.timers.timers import sync_timers

if TYPE_CHECKING:
    from shared.cases.working_time import Length
    from shared.contracts import Fact
    from shared.engine import Timer, Unit

__all__ = ["CASES", "make_inbox", "make_timers"]

CASES: Final = "cases"
"""Collection of the process and place of each case or waiting report."""


def make_inbox(within: Length = ACKNOWLEDGE_WITHIN) -> Inbox:
    """Return the handlers of facts; `within` is how soon somebody must acknowledge a notice."""
    inbox = Inbox()

    def take_in(fact: Fact, unit: Unit) -> None:
        """Store the case, and create the notice of whom the fact concerns, once."""
        _remember(fact, unit)
        for notice in domain.notices_of(fact):
            if unit.load(NOTICES, str(notice.id)) is None:
                at = domain.remind_at(notice.due_at, unit.now, within)
                document = stored(notice, unit.now, at)
                unit.save(NOTICES, document)
                now = deadlines_of(document)
                sync_timers(unit, document["_id"], before={}, now=now, case_id=fact.subject())
                unit.emit(domain.notice_created(notice))

    inbox.on(CaseOpened)(take_in)
    for rule in RULES:
        inbox.on(rule.fact, needs=_notices)(take_in)
    return inbox


def make_timers() -> Timers:
    """Return the handler of the timer: nobody acknowledged a notice in time."""
    timers = Timers()
    timers.on(REMINDER, needs=_notice)(_on_reminder_due)
    return timers


def _notices(fact: Fact) -> dict[str, list[str]]:
    return {NOTICES: [str(notice.id) for notice in domain.notices_of(fact)]}


def _notice(timer: Timer) -> dict[str, list[str]]:
    return {NOTICES: [timer.subject]}


def _remember(fact: Fact, unit: Unit) -> None:
    """Store the process and place of a case or waiting report, from its first fact."""
    if not isinstance(fact, CaseOpened | TriageWaiting):
        return
    known = unit.load(CASES, fact.subject()) or {"_id": fact.subject()}
    process = str(fact.process) if isinstance(fact, CaseOpened) else None
    unit.save(CASES, {**known, "process": process, "municipality": fact.municipality})


def _on_reminder_due(timer: Timer, unit: Unit) -> None:
    notice = unit.load(NOTICES, timer.subject)
    if notice is None or not deadlines_of(notice):
        return
    unit.save(NOTICES, remind(notice, unit.now))
    unit.emit(domain.notice_reminded(notice))
