"""The facts of mediation (konfliktråd)."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from shared.contracts import steps
from shared.contracts.codes import OpenCode

__all__ = ["CaseReceived", "Step", "StepDue"]


class Step(StrEnum):
    """What somebody must do next in a case, by a certain time."""

    CONTACT_PARTIES = "contact_parties"
    """Both parties are to be contacted and asked."""


class CaseReceived(steps.CaseReceived):
    """The case has arrived and its first deadline runs."""

    type: ClassVar[str] = "mediation.case_received.v1"

    due_at: datetime
    """When the parties must have been contacted."""


class StepDue(steps.StepDue):
    """The time for a case's next step has passed, and the step was not recorded as taken.

    A person must act. It has no other effect: no right is lost, and no case ends by itself.
    """

    type: ClassVar[str] = "mediation.step_due.v1"

    step: OpenCode[Step]
