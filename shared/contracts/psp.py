"""The facts of the co-operation of police, social services and psychiatry (PSP)."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from shared.contracts import CaseFact, steps
from shared.contracts.codes import OpenCode
from shared.contracts.disclosure import Authority

__all__ = [
    "AccessChanged",
    "CaseReceived",
    "NecessityJudged",
    "NecessityResult",
    "Step",
    "StepDue",
]

_TOPIC = "psp.cases"


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
    authorities: tuple[OpenCode[Authority], ...] | None = None
    """The authorities that may open the case; null in facts written before this field was added."""


class AccessChanged(CaseFact):
    """These authorities and persons, and nobody else, may now read what was disclosed in the case."""

    type: ClassVar[str] = "psp.access_changed.v1"

    municipality: str
    """Kommunekode."""
    authorities: tuple[OpenCode[Authority], ...]
    """The authorities whose members of the co-operation in that place may read it."""
    staff_ids: tuple[str, ...] = ()
    """Members of staff who may read it by themselves."""
    due_at: datetime | None = None
    """When the next step of the case must have been taken; null where nothing is awaited."""

    def topic(self) -> str:
        """Return the service's own topic."""
        return _TOPIC


class NecessityResult(StrEnum):
    """What came of judging whether it is necessary to share the case."""

    NECESSARY = "necessary"
    """It is necessary: the case is one for the co-operation."""
    NOT_NECESSARY = "not_necessary"
    """It is not necessary: nothing is shared, and the case ends."""


class NecessityJudged(CaseFact):
    """A recipient has judged whether it is necessary to share the case in the co-operation."""

    type: ClassVar[str] = "psp.necessity_judged.v1"

    municipality: str
    """Kommunekode."""
    result: OpenCode[NecessityResult]
    authorities: tuple[OpenCode[Authority], ...]
    """The authorities that could open the case when it was judged."""

    def topic(self) -> str:
        """Return the service's own topic."""
        return _TOPIC
