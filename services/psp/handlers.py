"""Kafka in: load, decide, save, emit."""

from typing import Final

from services.psp import domain, psp_cases
from shared.contracts.intake import CaseOpened
from shared.engine import Facts, Unit

__all__ = ["facts"]

facts: Final = Facts()


@facts.on(CaseOpened)
def on_case_opened(case: CaseOpened, unit: Unit) -> None:
    """Take a case in."""
    known = psp_cases.load(unit, case.case_id)
    received, told = domain.on_case_opened(case, known, unit.now)
    if told:
        psp_cases.save(unit, received)
        unit.emit(*told)
