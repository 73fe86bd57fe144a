"""Kafka in, and time: load, decide, save, emit."""

from services.psp import domain, psp_cases
from shared.cases.working_time import JUDGE_NECESSITY_WITHIN, Length
from shared.contracts.intake import CaseOpened
from shared.contracts.psp import Step
from shared.engine import Deadlines, Due, Facts, Unit
from shared.engine.timers.timers import follow

__all__ = ["make_deadlines", "make_facts"]


def make_facts(within: Length = JUDGE_NECESSITY_WITHIN) -> Facts:
    """The facts that are taken in; `within` is how long a case's first step may take."""
    facts = Facts()

    @facts.on(CaseOpened)
    def on_case_opened(case: CaseOpened, unit: Unit) -> None:
        """Take a case in."""
        known = psp_cases.load(unit, case.case_id)
        received, told = domain.on_case_opened(case, known, unit.now, within)
        if told:
            psp_cases.save(unit, received)
            unit.emit(*told)

    return facts


def make_deadlines() -> Deadlines:
    """What happens when a step was not taken in time."""
    deadlines = Deadlines()
    for step in Step:
        deadlines.on(step.value)(_on_step_due)
    return deadlines


def _on_step_due(due: Due, unit: Unit) -> None:
    case = psp_cases.load(unit, due.subject)
    if case is None:
        return
    case, told = domain.on_step_due(case, Step(due.name), unit.now)
    if told:
        psp_cases.save(unit, case)
        unit.emit(*told)
    follow(unit, due.subject, before={}, now=case.deadlines)  # what it still waits for stays set
