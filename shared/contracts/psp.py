"""The facts of the co-operation of police, social services and psychiatry (PSP)."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from shared.contracts import steps
from shared.contracts.codes import OpenCode

__all__ = ["CaseReceived", "Step", "StepDue"]


class Step(StrEnum):
    """What somebody must do next in a case, by a certain time."""

    JUDGE_NECESSITY = "judge_necessity"
    """It is to be judged whether the case is one for the co-operation."""


class CaseReceived(steps.CaseReceived):
    """The case has arrived and its first deadline runs."""

    type: ClassVar[str] = "psp.case_received.v1"

    due_at: datetime
    """When it must have been judged whether the case is one for the co-operation."""


class StepDue(steps.StepDue):
    """The time for a case's next step has passed, and the step was not recorded as taken.

    A person must act. It has no other effect: no right is lost, and no case ends by itself.
    """

    type: ClassVar[str] = "psp.step_due.v1"

    step: OpenCode[Step]
