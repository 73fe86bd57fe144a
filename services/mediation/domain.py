"""What a mediation is and may become. Pure: no I/O, no clock, no randomness.

Law: lov 467/2009 om konfliktråd. So far a mediation is taken in and proposed; nothing is decided
about it, nobody is asked and nobody appointed (invariant 5: no allocation before both consents).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self
from uuid import UUID

from shared.contracts import Fact
from shared.contracts.intake import CaseOpened, Party
from shared.contracts.mediation import CaseReceived
from shared.contracts.processes import PersonRole, Process
from shared.deadlines import CONTACT_PARTIES_WITHIN, working_days_after
from shared.errors import Rejected

__all__ = ["Decision", "Mediation", "NotOurs", "Side", "Stage", "on_case_opened"]


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
    due_at: datetime
    """When the parties must have been contacted."""
    stage: Stage = Stage.PROPOSED

    @classmethod
    def received(cls, case: CaseOpened, now: datetime) -> Self:
        """A case as it arrives."""
        return cls(
            case_id=case.case_id,
            municipality=case.municipality,
            patrol_centre=case.patrol_centre,
            parties=case.parties,
            received_at=now,
            due_at=working_days_after(case.reported_at, CONTACT_PARTIES_WITHIN),
        )

    def on_side(self, side: Side) -> tuple[Party, ...]:
        """The parties of one side, with the custody holders of its minors."""
        own = [party for party in self.parties if party.role == PersonRole(side.value)]
        holders = {holder for party in own for holder in party.custody_holders}
        return tuple(party for party in self.parties if party in own or party.party_id in holders)


class Decision(NamedTuple):
    """A new state, and what the world should hear of it."""

    mediation: Mediation
    facts: tuple[Fact, ...] = ()


def on_case_opened(case: CaseOpened, known: Mediation | None, now: datetime) -> Decision:
    """Take the case in, once.

    Raises:
        NotOurs: the case is of another process.

    """
    if case.process is not Process.MEDIATION:
        raise NotOurs("the case is not one for mediation")
    if known is not None:
        return Decision(known)
    mediation = Mediation.received(case, now)
    told = CaseReceived(
        case_id=case.case_id, municipality=case.municipality, due_at=mediation.due_at
    )
    return Decision(mediation, (told,))
