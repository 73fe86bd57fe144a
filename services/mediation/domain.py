"""Mediations, their states and transitions. Pure: no I/O, no clock, no randomness.

Law: lov 467/2009 om konfliktråd. So far a mediation is accepted and proposed; nothing is decided
about it, nobody is asked and nobody appointed (invariant 5: no allocation before both consents).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from shared.cases.next_step import AwaitsStep, CaseRules, NotOurs
from shared.cases.working_time import CONTACT_PARTIES_WITHIN
from shared.contracts.intake import CaseOpened, Party
from shared.contracts.mediation import CaseReceived, Step, StepDue
from shared.contracts.processes import PersonRole, Process

__all__ = ["RULES", "Mediation", "NotOurs", "Side", "Stage", "on_case_opened", "on_step_due"]


class Stage(StrEnum):
    """The stage of a mediation."""

    PROPOSED = "proposed"


class Side(StrEnum):
    """The sides of a mediation, whose contact data are kept apart (invariant 9)."""

    HARMED = "harmed"
    RESPONSIBLE = "responsible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mediation(AwaitsStep):
    """One case of konfliktråd, known by pseudonyms only."""

    case_id: UUID
    municipality: str
    patrol_centre: str
    parties: tuple[Party, ...]
    received_at: datetime
    due_at: datetime | None
    next_step: Step | None = Step.CONTACT_PARTIES
    overdue: bool = False
    stage: Stage = Stage.PROPOSED

    @classmethod
    def received(cls, case: CaseOpened, now: datetime, due_at: datetime) -> Self:
        """A case as it arrives, with the time that its first step may take."""
        return cls(
            case_id=case.case_id,
            municipality=case.municipality,
            patrol_centre=case.patrol_centre,
            parties=case.parties,
            received_at=now,
            due_at=due_at,
        )

    def on_side(self, side: Side) -> tuple[Party, ...]:
        """The parties of one side, with the custody holders of its minors."""
        own = [party for party in self.parties if party.role == PersonRole(side.value)]
        holders = {holder for party in own for holder in party.custody_holders}
        return tuple(party for party in self.parties if party in own or party.party_id in holders)


RULES: Final = CaseRules(
    process=Process.MEDIATION,
    known_as="mediation",
    received=Mediation.received,
    steps=Step,
    emits_received=CaseReceived,
    emits_step_due=StepDue,
    first_step_within=CONTACT_PARTIES_WITHIN,
)

on_case_opened = RULES.on_case_opened
on_step_due = RULES.on_step_due
