"""What a PSP case is and may become. Pure: no I/O, no clock, no randomness.

Law: retsplejeloven section 115. So far a case is taken in and nominated; nothing is shared about
it. What came with it was disclosed for prevention and is never for investigation (invariant 2).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self
from uuid import UUID

from shared.contracts import Fact
from shared.contracts.intake import CaseOpened, Party
from shared.contracts.processes import Process
from shared.contracts.psp import CaseReceived
from shared.deadlines import JUDGE_NECESSITY_WITHIN, working_days_after
from shared.errors import Rejected

__all__ = ["Decision", "NotOurs", "PspCase", "Stage", "on_case_opened"]


class Stage(StrEnum):
    """Where a PSP case stands."""

    NOMINATED = "nominated"


class NotOurs(Rejected):
    """The case belongs to another process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PspCase:
    """One case of the co-operation, known by pseudonyms only."""

    case_id: UUID
    municipality: str
    patrol_centre: str
    psychiatry_region: str | None
    parties: tuple[Party, ...]
    received_at: datetime
    due_at: datetime
    """When it must have been judged whether the case is one for the co-operation."""
    stage: Stage = Stage.NOMINATED
    not_for_investigation: bool = True

    @classmethod
    def received(cls, case: CaseOpened, now: datetime) -> Self:
        """A case as it arrives."""
        return cls(
            case_id=case.case_id,
            municipality=case.municipality,
            patrol_centre=case.patrol_centre,
            psychiatry_region=case.psychiatry_region,
            parties=case.parties,
            received_at=now,
            due_at=working_days_after(case.reported_at, JUDGE_NECESSITY_WITHIN),
        )


class Decision(NamedTuple):
    """A new state, and what the world should hear of it."""

    case: PspCase
    facts: tuple[Fact, ...] = ()


def on_case_opened(case: CaseOpened, known: PspCase | None, now: datetime) -> Decision:
    """Take the case in, once.

    Raises:
        NotOurs: the case is of another process.

    """
    if case.process is not Process.PSP:
        raise NotOurs("the case is not one for the PSP co-operation")
    if known is not None:
        return Decision(known)
    received = PspCase.received(case, now)
    told = CaseReceived(
        case_id=case.case_id, municipality=case.municipality, due_at=received.due_at
    )
    return Decision(received, (told,))
