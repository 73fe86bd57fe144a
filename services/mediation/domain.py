"""What a mediation is and may become. Pure: no I/O, no clock, no randomness.

Law: lov 467/2009 om konfliktråd. So far a mediation is taken in and proposed; nothing is decided
about it, nobody is asked and nobody appointed (invariant 5: no allocation before both consents).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self
from uuid import UUID

from shared.cases.working_time import CONTACT_PARTIES_WITHIN, Length
from shared.contracts import Fact
from shared.contracts.intake import CaseOpened, Party
from shared.contracts.mediation import CaseReceived, Step, StepDue
from shared.contracts.processes import PersonRole, Process
from shared.errors import Rejected

__all__ = ["Decision", "Mediation", "NotOurs", "Side", "Stage", "on_case_opened", "on_step_due"]


class Stage(StrEnum):
    """Where a mediation stands."""

    PROPOSED = "proposed"


class Side(StrEnum):
    """Whose contact data stand in which compartment (invariant 9)."""

    HARMED = "harmed"
    RESPONSIBLE = "responsible"


class NotOurs(Rejected):
    """The case belongs to another process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mediation:
    """One case of konfliktråd, known by pseudonyms only."""

    case_id: UUID
    municipality: str
    patrol_centre: str
    parties: tuple[Party, ...]
    received_at: datetime
    due_at: datetime | None
    """When the next step must have been taken."""
    next_step: Step | None = Step.CONTACT_PARTIES
    """What somebody must do next; None where nothing is awaited."""
    overdue: bool = False
    """Whether it was told that the next step was not taken in time."""
    stage: Stage = Stage.PROPOSED

    @classmethod
    def received(cls, case: CaseOpened, now: datetime, within: Length) -> Self:
        """A case as it arrives, with the time that its first step may take."""
        return cls(
            case_id=case.case_id,
            municipality=case.municipality,
            patrol_centre=case.patrol_centre,
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

    def on_side(self, side: Side) -> tuple[Party, ...]:
        """The parties of one side, with the custody holders of its minors."""
        own = [party for party in self.parties if party.role == PersonRole(side.value)]
        holders = {holder for party in own for holder in party.custody_holders}
        return tuple(party for party in self.parties if party in own or party.party_id in holders)


class Decision(NamedTuple):
    """A new state, and what the world should hear of it."""

    mediation: Mediation
    facts: tuple[Fact, ...] = ()


def on_case_opened(
    case: CaseOpened,
    known: Mediation | None,
    now: datetime,
    within: Length = CONTACT_PARTIES_WITHIN,
) -> Decision:
    """Take the case in, once; its first step may take so long, counted from the report.

    Raises:
        NotOurs: the case is of another process.

    """
    if case.process is not Process.MEDIATION:
        raise NotOurs("the case is not one for mediation")
    if known is not None:
        return Decision(known)
    mediation = Mediation.received(case, now, within)
    told = CaseReceived(
        case_id=case.case_id, municipality=case.municipality, due_at=within.after(case.reported_at)
    )
    return Decision(mediation, (told,))


def on_step_due(mediation: Mediation, step: Step, now: datetime) -> Decision:
    """Tell that a step was not taken in time, if the case still waits for it and its time is up.

    A deadline says that somebody must look, not what is so: the case's own state decides.
    """
    due_at = mediation.deadlines.get(step.value)
    if due_at is None or now < due_at:
        return Decision(mediation)
    told = StepDue(
        case_id=mediation.case_id, municipality=mediation.municipality, step=step, due_at=due_at
    )
    return Decision(replace(mediation, overdue=True), (told,))
