"""Kafka in: each fact is remembered with its case, and tells whom it concerns, once.

However late a fact comes, its notice lies in the inbox: nobody goes untold because notify was away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.notify import domain
from services.notify.notices import NOTICES, stored
from shared.contracts import mediation, psp
from shared.contracts.intake import CaseOpened, TriageWaiting
from shared.engine import Facts

if TYPE_CHECKING:
    from shared.contracts import Fact
    from shared.engine import Unit

__all__ = ["CASES", "facts"]

CASES: Final = "cases"
"""What notify knows of each case or waiting report: its process and place."""

facts: Final = Facts()


def _notices(fact: Fact) -> dict[str, list[str]]:
    return {NOTICES: [str(notice.id) for notice in domain.notices_of(fact)]}


def _tell(fact: Fact, unit: Unit) -> None:
    for notice in domain.notices_of(fact):
        if unit.load(NOTICES, str(notice.id)) is None:
            unit.save(NOTICES, stored(notice, unit.now))
            unit.emit(domain.told(notice))


@facts.on(CaseOpened)
def on_case_opened(fact: CaseOpened, unit: Unit) -> None:
    """Remember the case; its own service says when somebody must act on it."""
    known = unit.load(CASES, fact.subject()) or {"_id": fact.subject()}
    unit.save(
        CASES,
        {**known, "process": fact.process.value, "municipality": fact.municipality},
    )


@facts.on(TriageWaiting, needs=_notices)
def on_triage_waiting(fact: TriageWaiting, unit: Unit) -> None:
    """Tell the secretariat that a report waits."""
    known = unit.load(CASES, fact.subject()) or {"_id": fact.subject()}
    unit.save(CASES, {**known, "process": None, "municipality": fact.municipality})
    _tell(fact, unit)


@facts.on(mediation.CaseReceived, needs=_notices)
def on_mediation_case_received(fact: mediation.CaseReceived, unit: Unit) -> None:
    """Tell the coordinator of a new mediation."""
    _tell(fact, unit)


@facts.on(psp.CaseReceived, needs=_notices)
def on_psp_case_received(fact: psp.CaseReceived, unit: Unit) -> None:
    """Tell the police's PSP members of the municipality."""
    _tell(fact, unit)
