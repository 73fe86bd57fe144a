"""Kafka in: load, decide, save, emit."""

from typing import Final

from services.mediation import domain, mediations
from shared.contracts.intake import CaseOpened
from shared.engine import Facts, Unit

__all__ = ["facts"]

facts: Final = Facts()


@facts.on(CaseOpened)
def on_case_opened(case: CaseOpened, unit: Unit) -> None:
    """Take a case in."""
    known = mediations.load(unit, case.case_id)
    mediation, told = domain.on_case_opened(case, known, unit.now)
    if told:
        mediations.save(unit, mediation)
        unit.emit(*told)
