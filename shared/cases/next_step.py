"""The next step of a case and its due time. Pure: no I/O, no clock, no randomness.

A case is taken in once, with the time that its first step may take. When that time has passed and
the case still waits for the step, its service tells once that a person must look. A deadline does
not say what is so: the case's own state decides, and no right is lost by a clock.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar
from uuid import UUID

from shared.cases.working_time import Length
from shared.contracts import Fact
from shared.contracts.intake import CaseOpened
from shared.contracts.processes import Process
from shared.contracts.steps import CaseReceived, StepDue
from shared.errors import Rejected

__all__ = ["AwaitsStep", "CaseRules", "Decision", "NotOurs"]


class NotOurs(Rejected):
    """The case belongs to another process."""


class AwaitsStep:
    """What the state of a case must have, a frozen dataclass, so that its next step has a due time."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    case_id: UUID
    municipality: str
    stage: StrEnum
    next_step: StrEnum | None
    """What somebody must do next; None where nothing is awaited."""
    due_at: datetime | None
    """When the next step must have been taken."""
    overdue: bool
    """Whether it was told that the next step was not taken in time."""

    @property
    def deadlines(self) -> Mapping[str, datetime]:
        """What must happen by when, as far as it was not told that it did not."""
        if self.next_step is None or self.due_at is None or self.overdue:
            return {}
        return {self.next_step.value: self.due_at}

    def marked_overdue(self) -> Self:
        """The case once it was told that its next step was not taken in time."""
        return replace(self, overdue=True)


C = TypeVar("C", bound=AwaitsStep)


class Decision(NamedTuple, Generic[C]):
    """A new state, and what the world should hear of it."""

    case: C
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRules(Generic[C]):
    """What is a service's own about taking cases in, and about the times of their steps."""

    process: Process
    """The process whose cases the service runs."""
    known_as: str
    """How a sentence for people names the process."""
    received: Callable[[CaseOpened, datetime, datetime], C]
    """A case as it arrives: from its fact, the time now, and when its first step is due."""
    steps: type[StrEnum]
    """Every step that a case may wait for."""
    emits_received: type[CaseReceived]
    emits_step_due: type[StepDue]
    first_step_within: Length
    """How long the first step may take, where no setting says otherwise."""

    def on_case_opened(
        self, case: CaseOpened, known: C | None, now: datetime, within: Length | None = None
    ) -> Decision[C]:
        """Take the case in, once; its first step may take so long, counted from the report.

        Raises:
            NotOurs: the case is of another process.

        """
        if case.process is not self.process:
            raise NotOurs(f"the case is not one for {self.known_as}")
        if known is not None:
            return Decision(known)
        due_at = (within or self.first_step_within).after(case.reported_at)
        told = self.emits_received(
            case_id=case.case_id, municipality=case.municipality, due_at=due_at
        )
        return Decision(self.received(case, now, due_at), (told,))

    def on_step_due(self, case: C, step: StrEnum, now: datetime) -> Decision[C]:
        """Tell that a step was not taken in time, if the case still waits for it and time is up."""
        due_at = case.deadlines.get(step.value)
        if due_at is None or now < due_at:
            return Decision(case)
        told = self.emits_step_due(
            case_id=case.case_id, municipality=case.municipality, step=step, due_at=due_at
        )
        return Decision(case.marked_overdue(), (told,))
