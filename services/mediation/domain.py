"""Mediations, their states and transitions. Pure: no I/O, no clock, no randomness.

Law: lov 467/2009 om konfliktråd. A mediation arrives as proposed. Before anybody contacts the
parties, a person assesses whether the case is suitable (screening). Nobody is asked and nobody is
appointed yet (invariant 5: no allocation before both consents).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self
from uuid import UUID

from shared.cases.history import Actor, HistoryLine
from shared.cases.next_step import CaseRules, Decision, NotOurs
from shared.cases.people import HasParties
from shared.cases.working_time import CONTACT_PARTIES_WITHIN
from shared.contracts.intake import CaseOpened, Party
from shared.contracts.mediation import (
    CaseReceived,
    Clearance,
    ClearanceGiven,
    Closed,
    LookAsked,
    Looker,
    OutwardCode,
    Screened,
    ScreeningResult,
    Step,
    StepDue,
    Unsuitable,
)
from shared.contracts.processes import PersonRole, Process
from shared.errors import Rejected
from shared.staff.access import NO_LISTS, Circle, Role

__all__ = [
    "NEXT",
    "RULES",
    "Mediation",
    "NeedsSecondLook",
    "NotCleared",
    "NotOurs",
    "NothingToClear",
    "SamePerson",
    "SecondLook",
    "Side",
    "Stage",
    "WrongStage",
    "ask_for_look",
    "clear",
    "screen",
]


class WrongStage(Rejected):
    """The act does not belong to the stage of the case."""


class NeedsSecondLook(Rejected):
    """The case cannot be suitable before it was looked at again."""


class NotCleared(Rejected):
    """The case cannot be suitable before the police lawyer has cleared it."""


class SamePerson(Rejected):
    """Who asked for a second look does not take it: somebody else does, or the leader."""


class NothingToClear(Rejected):
    """The case does not ask the police lawyer, or was cleared so already."""


class Stage(StrEnum):
    """The stage of a mediation."""

    PROPOSED = "proposed"
    SCREENING = "screening"
    """It was assessed, and must be looked at again."""
    CONTACT = "contact"
    """It is suitable: the parties are to be contacted."""
    CLOSED = "closed"


class SecondLook(StrEnum):
    """Why a case must be looked at again. It stays in the case: no fact carries it."""

    ORDER = "order"
    """Tilhold, opholdsforbud or bortvisning is in force. This alone does not make a case
    unsuitable; the police lawyer must clear it."""
    CLOSE_RELATION = "close_relation"
    """The parties are or were a couple, or close family."""
    PROTECTED_ADDRESS = "protected_address"
    """A party has a protected name or address."""
    OTHER = "other"
    """Another ground for caution."""


_ASSESSED: Final = {
    ScreeningResult.SUITABLE: Stage.CONTACT,
    ScreeningResult.SECOND_LOOK: Stage.SCREENING,
    ScreeningResult.UNSUITABLE: Stage.CLOSED,
}
NEXT: Final[Mapping[Stage, Mapping[ScreeningResult, Stage]]] = MappingProxyType(
    {Stage.PROPOSED: _ASSESSED, Stage.SCREENING: _ASSESSED, Stage.CONTACT: {}, Stage.CLOSED: {}}
)
"""From each stage, the stage that each result of a screening leads to."""


LOOKERS: Final = MappingProxyType(
    {Looker.LEADER: Role.LEADER, Looker.POLICE_LAWYER: Role.POLICE_LAWYER}
)
"""The role of each of those who are asked to look."""

SCREEN: Final = "screen"
"""The name of the act of screening, as the history keeps it."""


class Side(StrEnum):
    """The sides of a mediation, whose contact data are kept apart (invariant 9)."""

    HARMED = "harmed"
    RESPONSIBLE = "responsible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mediation(HasParties):
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
    revision: int = 0
    history: tuple[HistoryLine, ...] = ()
    second_look: tuple[SecondLook, ...] = ()
    """Why it must be, or had to be, looked at again."""
    unsuitable: Unsuitable | None = None
    """Why it is not suitable; None unless it was closed for that."""
    circle: Circle = NO_LISTS
    """The staff whom the case itself admits or keeps out."""
    asked: tuple[str, ...] = ()
    """The roles beside the coordinator's that it asks, or has asked, to look at it."""
    clearance: Clearance | None = None
    """What the police lawyer came to; None until then, and again once an order is named anew."""

    @property
    def asked_by(self) -> str | None:
        """Who asked for the second look that it awaits; None where it awaits none."""
        if self.stage is not Stage.SCREENING:
            return None
        return next((line.by for line in reversed(self.history) if line.act == SCREEN), None)

    @property
    def awaits_clearance(self) -> bool:
        """Whether it asks the police lawyer."""
        return self.stage is Stage.SCREENING and SecondLook.ORDER in self.second_look

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


def screen(
    mediation: Mediation,
    result: ScreeningResult,
    *,
    by: Actor,
    code: Unsuitable | None = None,
    ground: SecondLook | None = None,
) -> Decision[Mediation]:
    """Record whether the case is suitable.

    A suitable case keeps its next step and its due time, and a case that must be looked at again
    does too: time runs until the parties were contacted. An unsuitable case is closed and awaits
    nothing. Who asked for a second look does not take it (four eyes): another person does, or the
    leader, whom the case asks then.

    Args:
        mediation: as it stands.
        result: what the person came to.
        by: who screens.
        code: why it is not suitable; given with that result alone.
        ground: why it must be looked at again; given with that result alone.

    Raises:
        WrongStage: it was assessed already, or is closed.
        SamePerson: it awaits a second look, which the same person asked for.
        NeedsSecondLook: a party has a protected address, and nobody has looked again.
        NotCleared: an order is in force and was not cleared.

    """
    stage = NEXT[mediation.stage].get(result)
    if stage is None:
        raise WrongStage("the case has been assessed already")
    if mediation.asked_by == by.id and Role.LEADER not in by.roles:
        raise SamePerson("who asked for a second look does not take it")
    screened = Screened(
        case_id=mediation.case_id,
        municipality=mediation.municipality,
        result=result,
        code=code,
        needs_second_look=result is ScreeningResult.SECOND_LOOK,
    )
    if result is ScreeningResult.UNSUITABLE:
        closed = replace(mediation, stage=stage, unsuitable=code, next_step=None, due_at=None)
        ended = Closed(case_id=mediation.case_id, outward_code=OutwardCode.NOT_HELD)
        return Decision(closed, (screened, ended))
    if result is ScreeningResult.SECOND_LOOK:
        again = ask_for_look(replace(mediation, stage=stage), ground)
        return Decision(again.case, (screened, *again.facts))
    is_protected = any(party.address_protected for party in mediation.parties)
    if is_protected and mediation.stage is Stage.PROPOSED:
        raise NeedsSecondLook("a party has a protected address: the case needs a second look")
    if SecondLook.ORDER in mediation.second_look and mediation.clearance is not Clearance.CLEARED:
        raise NotCleared("an order is in force, and the police lawyer has not cleared the case")
    return Decision(replace(mediation, stage=stage), (screened,))


def ask_for_look(mediation: Mediation, ground: SecondLook | None) -> Decision[Mediation]:
    """Ask the leader to look at a case again, and the police lawyer where an order is in force."""
    grounds = dict.fromkeys((*mediation.second_look, *([ground] if ground else [])))
    lookers = [Looker.LEADER]
    if SecondLook.ORDER in grounds:
        lookers.append(Looker.POLICE_LAWYER)
    asked = dict.fromkeys((*mediation.asked, *(LOOKERS[each] for each in lookers)))
    after = replace(
        mediation,
        second_look=tuple(grounds),
        asked=tuple(asked),
        clearance=None if ground is SecondLook.ORDER else mediation.clearance,
    )
    fact = LookAsked(
        case_id=mediation.case_id, municipality=mediation.municipality, of=tuple(lookers)
    )
    return Decision(after, (fact,))


def clear(mediation: Mediation, result: Clearance) -> Decision[Mediation]:
    """Record whether the police lawyer lets a case go on in spite of an order in force.

    Raises:
        NothingToClear: it does not ask the police lawyer, or that was said already.

    """
    if not mediation.awaits_clearance or mediation.clearance is result:
        raise NothingToClear("the case does not ask the police lawyer, or that was said already")
    fact = ClearanceGiven(
        case_id=mediation.case_id, municipality=mediation.municipality, result=result
    )
    return Decision(replace(mediation, clearance=result), (fact,))


RULES: Final = CaseRules(
    process=Process.MEDIATION,
    known_as="mediation",
    received=Mediation.received,
    steps=Step,
    emits_received=CaseReceived,
    emits_step_due=StepDue,
    first_step_within=CONTACT_PARTIES_WITHIN,
)
