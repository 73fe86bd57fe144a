"""Kafka in, and time: load, decide, save, emit."""

from services.mediation import domain, mediations
from shared.cases.working_time import CONTACT_PARTIES_WITHIN, Length
from shared.contracts.intake import CaseOpened
from shared.contracts.mediation import Step
from shared.engine import Deadlines, Due, Facts, Unit
from shared.engine.timers.timers import follow

__all__ = ["make_deadlines", "make_facts"]


def make_facts(within: Length = CONTACT_PARTIES_WITHIN) -> Facts:
    """The facts that are taken in; `within` is how long a case's first step may take."""
    facts = Facts()

    @facts.on(CaseOpened)
    def on_case_opened(case: CaseOpened, unit: Unit) -> None:
        """Take a case in."""
        known = mediations.load(unit, case.case_id)
        mediation, told = domain.on_case_opened(case, known, unit.now, within)
        if told:
            mediations.save(unit, mediation)
            unit.emit(*told)

    return facts


def make_deadlines() -> Deadlines:
    """What happens when a step was not taken in time."""
    deadlines = Deadlines()
    for step in Step:
        deadlines.on(step.value)(_on_step_due)
    return deadlines


def _on_step_due(due: Due, unit: Unit) -> None:
    mediation = mediations.load(unit, due.subject)
    if mediation is None:
        return
    mediation, told = domain.on_step_due(mediation, Step(due.name), unit.now)
    if told:
        mediations.save(unit, mediation)
        unit.emit(*told)
    # what it still waits for stays set
    follow(unit, due.subject, before={}, now=mediation.deadlines)
