"""What a PSP case is and may become. Pure: no I/O, no clock, no randomness.

Law: retsplejeloven section 115. So far a case is taken in and nominated; nothing is shared about
it. What came with it was disclosed for prevention and is never for investigation (invariant 2).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self
from uuid import UUID

from shared.cases.working_time import JUDGE_NECESSITY_WITHIN, Length
from shared.contracts import Fact
from shared.contracts.intake import CaseOpened, Party
from shared.contracts.processes import Process
from shared.contracts.psp import CaseReceived, Step, StepDue
from shared.errors import Rejected

__all__ = ["Decision", "NotOurs", "PspCase", "Stage", "on_case_opened", "on_step_due"]


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
    due_at: datetime | None
    """When the next step must have been taken."""
    next_step: Step | None = Step.JUDGE_NECESSITY
    """What somebody must do next; None where nothing is awaited."""
    overdue: bool = False
    """Whether it was told that the next step was not taken in time."""
    stage: Stage = Stage.NOMINATED
    not_for_investigation: bool = True

    @classmethod
    def received(cls, case: CaseOpened, now: datetime, within: Length) -> Self:
        """A case as it arrives, with the time that its first step may take."""
        return cls(
            case_id=case.case_id,
            municipality=case.municipality,
            patrol_centre=case.patrol_centre,
            psychiatry_region=case.psychiatry_region,
            parties=case.parties,
            received_at=now,
            due_at=within.after(case.reported_at),
        )

    @property
    def deadlines(self) -> Mapping[str, datetime]:
        """What must happen by when, as far as it was not told that it did not."""
        if self.next_step is None or self.due_at is None or self.overdue:
            return {}
        return {self.next_step.value: self.due_at}


class Decision(NamedTuple):
    """A new state, and what the world should hear of it."""

    case: PspCase
    facts: tuple[Fact, ...] = ()


def on_case_opened(
    case: CaseOpened, known: PspCase | None, now: datetime, within: Length = JUDGE_NECESSITY_WITHIN
) -> Decision:
    """Take the case in, once; its first step may take so long, counted from the report.

    Raises:
        NotOurs: the case is of another process.

    """
    if case.process is not Process.PSP:
        raise NotOurs("the case is not one for the PSP co-operation")
    if known is not None:
        return Decision(known)
    received = PspCase.received(case, now, within)
    told = CaseReceived(
        case_id=case.case_id, municipality=case.municipality, due_at=within.after(case.reported_at)
    )
    return Decision(received, (told,))


def on_step_due(case: PspCase, step: Step, now: datetime) -> Decision:
    """Tell that a step was not taken in time, if the case still waits for it and its time is up.

    A deadline says that somebody must look, not what is so: the case's own state decides.
    """
    due_at = case.deadlines.get(step.value)
    if due_at is None or now < due_at:
        return Decision(case)
    told = StepDue(case_id=case.case_id, municipality=case.municipality, step=step, due_at=due_at)
    return Decision(replace(case, overdue=True), (told,))
