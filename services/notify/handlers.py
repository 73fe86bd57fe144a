"""Handlers of facts and timers: each fact updates its case, and creates its notice once.

A late fact creates its notice as well, so an outage of notify loses no notice. A notice that nobody
acknowledges in time is recalled, once, for its whole audience.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from services.notify import domain
from services.notify.notices import (
    NOTICES,
    REMINDER,
    deadlines_of,
    end,
    is_urgent,
    remind,
    stored,
)
from services.notify.rules import RULES
from shared.cases.working_time import ACKNOWLEDGE_WITHIN
from shared.contracts.intake import CaseOpened, DangerReported, TriageWaiting
from shared.engine import Inbox, Timers
from shared.engine.timers.timers import sync_timers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.notify.rules import Rule
    from shared.cases.working_time import Length
    from shared.contracts import Fact
    from shared.engine import Timer, Unit

__all__ = ["CASES", "make_inbox", "make_timers"]

CASES: Final = "cases"
"""Collection of the process and place of each case or waiting report."""


def make_inbox(within: Length = ACKNOWLEDGE_WITHIN, rules: Sequence[Rule[Any]] = RULES) -> Inbox:
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
        for notice_id in domain.ended_by(fact, rules):
            _end(str(notice_id), unit, fact.subject())

    inbox.on(CaseOpened)(take_in)

    def notices(fact: Fact) -> dict[str, list[str]]:
        created = [str(notice.id) for notice in domain.notices_of(fact)]
        return {NOTICES: [*created, *map(str, domain.ended_by(fact, rules))]}

    ending = {rule.ended_by for rule in rules if rule.ended_by is not None}
    for fact in dict.fromkeys([*(rule.fact for rule in rules), *ending]):
        inbox.on(fact, needs=notices)(take_in)
    return inbox


def _end(notice_id: str, unit: Unit, case_id: str) -> None:
    """Stop an urgent notice, and its recall."""
    notice = unit.load(NOTICES, notice_id)
    if notice is None or not is_urgent(notice):
        return
    ended = end(notice, unit.now)
    unit.save(NOTICES, ended)
    before, now = deadlines_of(notice), deadlines_of(ended)
    sync_timers(unit, notice_id, before=before, now=now, case_id=case_id)


def make_timers() -> Timers:
    """Return the handler of the timer: nobody acknowledged a notice in time."""
    timers = Timers()
    timers.on(REMINDER, needs=_notice)(_on_reminder_due)
    return timers


def _notice(timer: Timer) -> dict[str, list[str]]:
    return {NOTICES: [timer.subject]}


def _remember(fact: Fact, unit: Unit) -> None:
    """Store the process and place of a case or waiting report, from its first fact."""
    if not isinstance(fact, CaseOpened | TriageWaiting | DangerReported):
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
