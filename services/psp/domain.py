"""PSP cases, their states and transitions. Pure: no I/O, no clock, no randomness.

Law: retsplejeloven section 115. So far a case is accepted and nominated; nothing is shared about
it. The information in it was disclosed for prevention, never for investigation (invariant 2).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from shared.cases.history import HistoryLine
from shared.cases.next_step import CaseRules, NotOurs
from shared.cases.people import HasParties
from shared.cases.working_time import JUDGE_NECESSITY_WITHIN
from shared.contracts.intake import CaseOpened, Party
from shared.contracts.processes import Process
from shared.contracts.psp import CaseReceived, Step, StepDue

__all__ = ["RULES", "NotOurs", "PspCase", "Stage"]


class Stage(StrEnum):
    """The stage of a PSP case."""

    NOMINATED = "nominated"


@dataclass(frozen=True, slots=True, kw_only=True)
class PspCase(HasParties):
    """One case of the co-operation, known by pseudonyms only."""

    case_id: UUID
    municipality: str
    patrol_centre: str
    psychiatry_region: str | None
    parties: tuple[Party, ...]
    received_at: datetime
    due_at: datetime | None
    next_step: Step | None = Step.JUDGE_NECESSITY
    overdue: bool = False
    stage: Stage = Stage.NOMINATED
    not_for_investigation: bool = True
    revision: int = 0
    history: tuple[HistoryLine, ...] = ()

    @classmethod
    def received(cls, case: CaseOpened, now: datetime, due_at: datetime) -> Self:
        """A case as it arrives, with the time that its first step may take."""
        return cls(
            case_id=case.case_id,
            municipality=case.municipality,
            patrol_centre=case.patrol_centre,
            psychiatry_region=case.psychiatry_region,
            parties=case.parties,
            received_at=now,
            due_at=due_at,
        )


RULES: Final = CaseRules(
    process=Process.PSP,
    known_as="the PSP co-operation",
    received=PspCase.received,
    steps=Step,
    emits_received=CaseReceived,
    emits_step_due=StepDue,
    first_step_within=JUDGE_NECESSITY_WITHIN,
)
