"""Handlers of a service's cases, for facts and timers: load, decide, save, emit."""

from typing import TypeVar

from shared.cases.case_store import CaseStore
from shared.cases.next_step import AwaitsStep, CaseRules
from shared.cases.working_time import Length
from shared.contracts.intake import CaseOpened
from shared.engine import Inbox, Timer, Timers, Unit
from shared.engine.timers.timers import sync_timers

__all__ = ["make_inbox", "make_timers"]

C = TypeVar("C", bound=AwaitsStep)


def make_inbox(rules: CaseRules[C], cases: CaseStore[C], within: Length) -> Inbox:
    """Return the handlers of facts; `within` is how long a case's first step may take."""
    inbox = Inbox()

    @inbox.on(CaseOpened)
    def on_case_opened(opened: CaseOpened, unit: Unit) -> None:
        """Accept a case."""
        known = cases.load(unit, opened.case_id)
        case, facts = rules.on_case_opened(opened, known, unit.now, within)
        if facts:
            cases.save(unit, case)
            unit.emit(*facts)

    return inbox


def make_timers(rules: CaseRules[C], cases: CaseStore[C]) -> Timers:
    """Return the handlers of timers: a step was not taken in time."""
    timers = Timers()

    def on_step_due(timer: Timer, unit: Unit) -> None:
        case = cases.load(unit, timer.subject)
        if case is None:
            return
        case, facts = rules.on_step_due(case, rules.steps(timer.name), unit.now)
        if facts:
            cases.save(unit, case)
            unit.emit(*facts)
        # timers of steps that the case still awaits stay set
        sync_timers(unit, timer.subject, before={}, now=case.deadlines)

    for step in rules.steps:
        timers.on(step.value)(on_step_due)
    return timers
