"""Handlers of a service's cases, for facts and timers: load, decide, save, emit."""

from typing import TypeVar

from shared.cases.case_store import CaseStore
from shared.cases.next_step import AwaitsStep, CaseRules
from shared.cases.people import PEOPLE_FACTS, HasParties, follow
from shared.cases.working_time import Length
from shared.contracts.intake import CaseOpened, PartyFact
from shared.engine import Inbox, Timer, Timers, Unit
from shared.engine.timers.timers import sync_timers

__all__ = ["follow_people", "make_inbox", "make_timers"]

C = TypeVar("C", bound=AwaitsStep)
P = TypeVar("P", bound=HasParties)


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


def follow_people(inbox: Inbox, cases: CaseStore[P]) -> Inbox:
    """Let a service's cases follow all facts about their people; returns the inbox."""

    def on_people_changed(fact: PartyFact, unit: Unit) -> None:
        """Apply the fact; a case that is not kept here has nothing to follow."""
        case = cases.load(unit, fact.case_id)
        if case is None:
            return
        after = follow(case, fact, unit.now)
        if after is not case:
            cases.save(unit, after)

    for fact in PEOPLE_FACTS:
        inbox.on(fact)(on_people_changed)
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
