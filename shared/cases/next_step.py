"""The next step of a case and its due time. Pure: no I/O, no clock, no randomness.

A case is accepted once, with a due time for its first step. When that time has passed and the case
still awaits the step, its service emits one `StepDue`, so that a person acts. The state of the case
decides, not the deadline, and no right is lost because a deadline has passed.
"""

from collections.abc import Callable, Collection, Mapping
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
from shared.staff.access import Action, Circle, Staff, may

__all__ = ["AwaitsStep", "CaseRules", "Decision", "NotOurs"]


class NotOurs(Rejected):
    """The case belongs to another process."""


class AwaitsStep:
    """The state of a case, a frozen dataclass, whose next step has a due time."""

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
    """Whether `StepDue` was emitted for the next step."""
    circle: Circle
    """The staff whom the case itself admits or keeps out; needs the default `NO_LISTS`."""

    @property
    def recipients(self) -> Collection[str]:
        """The authorities to which what is in the case was disclosed."""
        return ()

    @property
    def senders(self) -> Collection[str]:
        """The authorities that sent the case, where that opens it to them."""
        return ()

    @property
    def asked(self) -> Collection[str]:
        """The roles that the case asks, or has asked, to look at it."""
        return ()

    def is_open_to(self, staff: Staff, action: Action) -> bool:
        """Whether the access table allows a member of staff this in this case now."""
        return may(
            staff,
            action,
            municipality=self.municipality,
            recipients=self.recipients,
            senders=self.senders,
            circle=self.circle,
            asked=self.asked,
        )

    @property
    def deadlines(self) -> Mapping[str, datetime]:
        """The due times of awaited steps for which no `StepDue` was emitted."""
        if self.next_step is None or self.due_at is None or self.overdue:
            return {}
        return {self.next_step.value: self.due_at}

    def marked_overdue(self) -> Self:
        """Return the case, with its next step marked as not taken in time."""
        return replace(self, overdue=True)


C = TypeVar("C", bound=AwaitsStep)


class Decision(NamedTuple, Generic[C]):
    """A new state, and the facts to emit."""

    case: C
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRules(Generic[C]):
    """The rules of one service for accepting cases, and for the due times of their steps."""

    process: Process
    """The process whose cases the service runs."""
    known_as: str
    """The name of the process in error messages."""
    received: Callable[[CaseOpened, datetime, datetime], C]
    """Makes a case from its fact, the time now, and the due time of its first step."""
    steps: type[StrEnum]
    """Every step that a case may wait for."""
    emits_received: type[CaseReceived]
    emits_step_due: type[StepDue]
    first_step_within: Length
    """How long the first step may take, where no setting overrides it."""
    more_in_step_due: Callable[[C], Mapping[str, Any]] = lambda _: {}
    """The fields of `emits_step_due` beside those of every service."""

    def on_case_opened(
        self, case: CaseOpened, known: C | None, now: datetime, within: Length | None = None
    ) -> Decision[C]:
        """Accept the case, once; `within` is counted from the report.

        Raises:
            NotOurs: the case is of another process.

        """
        if case.process is not self.process:
            raise NotOurs(f"the case is not one for {self.known_as}")
        if known is not None:
            return Decision(known)
        due_at = (within or self.first_step_within).after(case.reported_at)
        fact = self.emits_received(
            case_id=case.case_id, municipality=case.municipality, due_at=due_at
        )
        return Decision(self.received(case, now, due_at), (fact,))

    def on_step_due(self, case: C, step: StrEnum, now: datetime) -> Decision[C]:
        """Emit `StepDue` if the case still awaits the step and its due time has passed."""
        due_at = case.deadlines.get(step.value)
        if due_at is None or now < due_at:
            return Decision(case)
        fact = self.emits_step_due(
            case_id=case.case_id,
            municipality=case.municipality,
            step=step,
            due_at=due_at,
            **self.more_in_step_due(case),
        )
        return Decision(case.marked_overdue(), (fact,))
