"""PSP cases, their states and transitions. Pure: no I/O, no clock, no randomness.

Law: retsplejeloven section 115. A case arrives as nominated. It is open to the authorities that the
disclosure of its report names, once that was read, and to the police also where they sent it
(invariants 1 and 3). One of them judges whether it is necessary to share it; a no needs no reason and
ends the case (invariant 4). The information in it was disclosed for prevention, never for
investigation (invariant 2).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from shared.cases.history import HistoryLine
from shared.cases.next_step import CaseRules, Decision, NotOurs
from shared.cases.people import HasParties
from shared.cases.working_time import JUDGE_NECESSITY_WITHIN
from shared.contracts.disclosure import Authority
from shared.contracts.intake import CaseOpened, Party
from shared.contracts.processes import PartnerKind, Process
from shared.contracts.psp import (
    AccessChanged,
    CaseReceived,
    NecessityJudged,
    NecessityResult,
    Step,
    StepDue,
)
from shared.errors import Rejected
from shared.staff.access import NO_LISTS, Circle

__all__ = [
    "RULES",
    "AlreadyJudged",
    "NotOurs",
    "PspCase",
    "Stage",
    "judge_necessity",
    "name_recipients",
]


class AlreadyJudged(Rejected):
    """The necessity of the case was judged already."""


class Stage(StrEnum):
    """The stage of a PSP case."""

    NOMINATED = "nominated"
    NECESSARY = "necessity_judged"
    """It is necessary to share the case: it may come to an agenda."""
    REJECTED = "rejected"
    """It is not necessary: nothing is shared, and the case has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PspCase(HasParties):
    """One case of the co-operation, known by pseudonyms only."""

    case_id: UUID
    municipality: str
    patrol_centre: str
    psychiatry_region: str | None
    parties: tuple[Party, ...]
    received_at: datetime
    due_at: datetime | None
    next_step: Step | None = Step.JUDGE_NECESSITY
    overdue: bool = False
    stage: Stage = Stage.NOMINATED
    not_for_investigation: bool = True
    revision: int = 0
    history: tuple[HistoryLine, ...] = ()
    disclosed_to: tuple[str, ...] | None = None
    """The authorities that the disclosure names; None until it was read."""
    sent_by: tuple[str, ...] = ()
    """The police, where they sent it: sending opens a case to no other authority."""
    circle: Circle = NO_LISTS
    """The staff whom the case itself admits or keeps out."""

    @property
    def is_shared(self) -> bool:
        """Whether what was disclosed may be shown.

        Not before its recipients are known, and not once it was found unnecessary to share it.
        """
        return self.disclosed_to is not None and self.stage is not Stage.REJECTED

    @property
    def recipients(self) -> tuple[str, ...]:
        """The authorities that the disclosure names."""
        return self.disclosed_to or ()

    @property
    def senders(self) -> tuple[str, ...]:
        """The authorities to which it is open because they sent it, once its disclosure was read."""
        return () if self.disclosed_to is None else self.sent_by

    @property
    def readers(self) -> tuple[str, ...]:
        """The authorities that may open the case."""
        return tuple(dict.fromkeys((*self.recipients, *self.senders)))

    @classmethod
    def received(cls, case: CaseOpened, now: datetime, due_at: datetime) -> Self:
        """A case as it arrives, with the time that its first step may take."""
        return cls(
            case_id=case.case_id,
            municipality=case.municipality,
            patrol_centre=case.patrol_centre,
            psychiatry_region=case.psychiatry_region,
            parties=case.parties,
            received_at=now,
            due_at=due_at,
            sent_by=(Authority.POLICE,) if case.reporter_kind is PartnerKind.POLICE else (),
        )


def name_recipients(case: PspCase, authorities: Iterable[str]) -> Decision[PspCase]:
    """Open the case to the authorities that its disclosure names, and tell who may open it now.

    `municipality` is another word for `social_services`, and what is no authority is left out.
    Nothing changes where the disclosure was read before.
    """
    if case.disclosed_to is not None:
        return Decision(case)
    known = (Authority(each) for each in authorities if each in set(Authority))
    named = dict.fromkeys(
        Authority.SOCIAL_SERVICES if each is Authority.MUNICIPALITY else each for each in known
    )
    opened = replace(case, disclosed_to=tuple(named))
    return Decision(opened, (_access(opened),))


def judge_necessity(case: PspCase, result: NecessityResult) -> Decision[PspCase]:
    """Record whether it is necessary to share the case in the co-operation.

    A necessary case awaits nothing yet: the agenda is not built. An unnecessary one has ended, and
    nobody reads any more what was disclosed: its page stays open to the same authorities, empty.

    Raises:
        AlreadyJudged: it was judged before.

    """
    if case.stage is not Stage.NOMINATED:
        raise AlreadyJudged("the necessity has been judged already")
    judged = NecessityJudged(
        case_id=case.case_id,
        municipality=case.municipality,
        result=result,
        authorities=case.readers,
    )
    is_necessary = result is NecessityResult.NECESSARY
    stage = Stage.NECESSARY if is_necessary else Stage.REJECTED
    after = replace(case, stage=stage, next_step=None, due_at=None, overdue=False)
    return Decision(after, (judged,) if is_necessary else (judged, _access(after)))


def _access(case: PspCase) -> AccessChanged:
    return AccessChanged(
        case_id=case.case_id,
        municipality=case.municipality,
        authorities=case.readers if case.is_shared else (),
        due_at=case.due_at,
    )


RULES: Final = CaseRules(
    process=Process.PSP,
    known_as="the PSP co-operation",
    received=PspCase.received,
    steps=Step,
    emits_received=CaseReceived,
    emits_step_due=StepDue,
    first_step_within=JUDGE_NECESSITY_WITHIN,
    more_in_step_due=lambda case: {"authorities": case.readers},
)
