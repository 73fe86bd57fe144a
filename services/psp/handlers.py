"""Kafka in, and time: load, decide, save, emit."""

from services.psp import domain, psp_cases
from shared.cases.working_time import JUDGE_NECESSITY_WITHIN, Length
from shared.contracts.intake import CaseOpened
from shared.contracts.psp import Step
from shared.engine import Inbox, Timer, Timers, Unit
from shared.engine.timers.timers import sync_timers

__all__ = ["make_inbox", "make_timers"]


def make_inbox(within: Length = JUDGE_NECESSITY_WITHIN) -> Inbox:
    """The facts that are taken in; `within` is how long a case's first step may take."""
    inbox = Inbox()

    @inbox.on(CaseOpened)
    def on_case_opened(case: CaseOpened, unit: Unit) -> None:
        """Take a case in."""
        known = psp_cases.load(unit, case.case_id)
        received, told = domain.on_case_opened(case, known, unit.now, within)
        if told:
            psp_cases.save(unit, received)
            unit.emit(*told)

    return inbox


def make_timers() -> Timers:
    """What happens when a step was not taken in time."""
    timers = Timers()
    for step in Step:
        timers.on(step.value)(_on_step_due)
    return timers


def _on_step_due(timer: Timer, unit: Unit) -> None:
    case = psp_cases.load(unit, timer.subject)
    if case is None:
        return
    case, told = domain.on_step_due(case, Step(timer.name), unit.now)
    if told:
        psp_cases.save(unit, case)
        unit.emit(*told)
    sync_timers(
        unit, timer.subject, before={}, now=case.deadlines
    )  # what it still waits for stays set
