"""Kafka in, and time: load, decide, save, emit."""

from services.mediation import domain, mediations
from shared.cases.working_time import CONTACT_PARTIES_WITHIN, Length
from shared.contracts.intake import CaseOpened
from shared.contracts.mediation import Step
from shared.engine import Inbox, Timer, Timers, Unit
from shared.engine.timers.timers import sync_timers

__all__ = ["make_inbox", "make_timers"]


def make_inbox(within: Length = CONTACT_PARTIES_WITHIN) -> Inbox:
    """The facts that are taken in; `within` is how long a case's first step may take."""
    inbox = Inbox()

    @inbox.on(CaseOpened)
    def on_case_opened(case: CaseOpened, unit: Unit) -> None:
        """Take a case in."""
        known = mediations.load(unit, case.case_id)
        mediation, told = domain.on_case_opened(case, known, unit.now, within)
        if told:
            mediations.save(unit, mediation)
            unit.emit(*told)

    return inbox


def make_timers() -> Timers:
    """What happens when a step was not taken in time."""
    timers = Timers()
    for step in Step:
        timers.on(step.value)(_on_step_due)
    return timers


def _on_step_due(timer: Timer, unit: Unit) -> None:
    mediation = mediations.load(unit, timer.subject)
    if mediation is None:
        return
    mediation, told = domain.on_step_due(mediation, Step(timer.name), unit.now)
    if told:
        mediations.save(unit, mediation)
        unit.emit(*told)
    # what it still waits for stays set
    sync_timers(unit, timer.subject, before={}, now=mediation.deadlines)
