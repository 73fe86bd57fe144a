"""The facts of mediation (konfliktråd)."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from shared.contracts import CaseFact, steps
from shared.contracts.codes import OpenCode

__all__ = [
    "CaseReceived",
    "Clearance",
    "ClearanceGiven",
    "Closed",
    "LookAsked",
    "Looker",
    "OutwardCode",
    "Screened",
    "ScreeningResult",
    "Step",
    "StepDue",
    "Unsuitable",
]

_TOPIC = "mediation.cases"


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


class ScreeningResult(StrEnum):
    """What came of assessing whether a case is suitable for mediation."""

    SUITABLE = "suitable"
    """The parties may be contacted."""
    UNSUITABLE = "unsuitable"
    """The case ends without a mediation."""
    SECOND_LOOK = "second_look"
    """The case must be looked at again before it can be suitable."""


class Unsuitable(StrEnum):
    """Why a case is not suitable for mediation."""

    NOT_ACKNOWLEDGED = "not_acknowledged"
    """The act is not essentially acknowledged."""
    NO_HARMED_PARTY = "no_harmed_party"
    """There is no harmed party who can be identified."""
    PARTY_NOT_FOUND = "party_not_found"
    """A party cannot be found."""
    NOT_SAFE = "not_safe"
    """It is not safe now to bring the parties together."""
    ORDER_NOT_CLEARED = "order_not_cleared"
    """An order in force was not cleared by the lawyer who handles it."""
    RELATION_NOT_CLEARED = "relation_not_cleared"
    """The relation between the parties was looked at again and not cleared."""
    CANNOT_TAKE_PART = "cannot_take_part"
    """A party is not able to take part."""
    STILL_GOING_ON = "still_going_on"
    """What happened between the parties still goes on."""
    ALREADY_HELD = "already_held"
    """A mediation about the same matter was held already."""
    WITHDRAWN = "withdrawn"
    """Who proposed the mediation has withdrawn the proposal."""
    OUTSIDE_DISTRICT = "outside_district"
    """The case belongs to another police district."""


class OutwardCode(StrEnum):
    """How a mediation ended, as those outside may know it. It never shows why, nor which side."""

    NOT_HELD = "not_held"
    """No mediation was held."""


class Screened(CaseFact):
    """A person has assessed whether the case is suitable for mediation."""

    type: ClassVar[str] = "mediation.screened.v1"

    municipality: str
    """Kommunekode."""
    result: OpenCode[ScreeningResult]
    code: OpenCode[Unsuitable] | None = None
    """Why the case is not suitable; None with any other result. It stays within the house."""
    needs_second_look: bool
    """Whether the case must be looked at again before it can be suitable."""

    def topic(self) -> str:
        """Return the service's own topic."""
        return _TOPIC


class Closed(CaseFact):
    """The case has ended. Nothing more happens in it."""

    type: ClassVar[str] = "mediation.closed.v1"

    outward_code: OpenCode[OutwardCode]

    def topic(self) -> str:
        """Return the service's own topic."""
        return _TOPIC


class Looker(StrEnum):
    """Who is asked to look at a case, beside the coordinator."""

    LEADER = "leader"
    """The leader of the secretariat."""
    POLICE_LAWYER = "police_lawyer"
    """The police lawyer."""


class LookAsked(CaseFact):
    """Others than the coordinator are asked to look at the case before it can be suitable."""

    type: ClassVar[str] = "mediation.look_asked.v1"
    draft: ClassVar[bool] = True

    municipality: str
    """Kommunekode."""
    of: tuple[OpenCode[Looker], ...]

    def topic(self) -> str:
        """Return the service's own topic."""
        return _TOPIC


class Clearance(StrEnum):
    """What the police lawyer came to about a case."""

    CLEARED = "cleared"
    """The case may go on."""
    NOT_CLEARED = "not_cleared"
    """The case may not go on."""


class ClearanceGiven(CaseFact):
    """The police lawyer has said whether the case may go on."""

    type: ClassVar[str] = "mediation.clearance_given.v1"
    draft: ClassVar[bool] = True

    municipality: str
    """Kommunekode."""
    result: OpenCode[Clearance]

    def topic(self) -> str:
        """Return the service's own topic."""
        return _TOPIC
