"""The table of notices: one row for each fact, and nothing about it elsewhere.

A row has the fact, the audience of the notice, its text in both languages, the address of the work,
and the deadline. A fact that concerns nobody is in `NOBODY`; every fact of every service is in one
of the two. Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from shared.cases.working_time import TRIAGE_WITHIN
from shared.contracts import Fact, intake, mediation, notify, psp
from shared.contracts.intake import TriageOverdue, TriageWaiting
from shared.contracts.places import POLICE_DISTRICT
from shared.contracts.processes import Process
from shared.staff.access import Role

__all__ = ["NOBODY", "RULES", "UNKNOWN", "Audience", "Rule", "Words", "WorkArea", "rule_of"]

F = TypeVar("F", bound=Fact)


class WorkArea(StrEnum):
    """The area of work that a notice belongs to; the inbox filters by it."""

    TRIAGE = "triage"
    MEDIATION = "mediation"
    PSP = "psp"


class Words(NamedTuple):
    """The text of a notice."""

    da: str
    en: str

    def in_language(self, language: str) -> str:
        """Return it in one of the languages of the pages (`shared.web.words`)."""
        return self.en if language == "en" else self.da


@dataclass(frozen=True, slots=True)
class Audience:
    """A role and the place it covers; never a person."""

    role: Role
    place: str
    """A municipality, or the police district for a role that covers all of it."""

    def __str__(self) -> str:
        """Return role and place as one word, as the fact of a notice carries them."""
        return f"{self.role}:{self.place}"


class _InAPlace(Protocol):
    @property
    def municipality(self) -> str: ...


class _DueAt(Protocol):
    @property
    def due_at(self) -> datetime: ...


def secretariat(_: _InAPlace) -> Audience:
    """Return the secretariat, which sorts reports for the whole district."""
    return Audience(Role.TRIAGE, POLICE_DISTRICT)


def coordinator(_: _InAPlace) -> Audience:
    """Return the coordinator, who answers for all mediations of the district (lov 467/2009)."""
    return Audience(Role.MEDIATION_COORDINATOR, POLICE_DISTRICT)


def police_of_the_place(fact: _InAPlace) -> Audience:
    """Return the police's members of PSP in that municipality, and nobody else.

    The other authorities learn of the person when something is disclosed to them under rpl § 115,
    item by item, and not before.
    """
    return Audience(Role.PSP_POLICE, fact.municipality)


def stated_due(fact: _DueAt) -> datetime | None:
    """Return the due time in the fact."""
    return fact.due_at


def no_time(_: Fact) -> datetime | None:
    """Return no due time."""
    return None


def triage_due(fact: TriageWaiting) -> datetime | None:
    """Return the due time in the fact; older facts have none, so it is counted here."""
    return fact.due_at or TRIAGE_WITHIN.after(fact.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[F]):
    """One row: a fact that creates a notice."""

    fact: type[F]
    step: StrEnum | None = None
    """The condition: only where the fact is about this step, or has this result. None: every
    step and result without a row of its own."""
    to: Callable[[F], Audience]
    area: WorkArea
    process: Process | None = None
    """The process of the case, for its reference; None for a report that has no case yet."""
    text: Words
    work_at: str
    """The address where the work is done; `{subject}` is replaced by the id of the case or report."""
    due: Callable[[F], datetime | None]
    """When somebody must have acted; None where the notice has no deadline."""


_TRIAGE: Final = "/intake/triage"
_MEDIATION: Final = "/mediation/cases/{subject}"
_PSP: Final = "/psp/cases/{subject}"

RULES: Final[tuple[Rule[Any], ...]] = (
    Rule(
        fact=TriageWaiting,
        to=secretariat,
        area=WorkArea.TRIAGE,
        text=Words("Henvendelse venter på afgørelse", "Report waits for triage"),
        work_at=_TRIAGE,
        due=triage_due,
    ),
    Rule(
        fact=TriageOverdue,
        to=secretariat,
        area=WorkArea.TRIAGE,
        text=Words(
            "Frist overskredet: henvendelse venter stadig på afgørelse",
            "Deadline passed: a report still waits for triage",
        ),
        work_at=_TRIAGE,
        due=stated_due,
    ),
    Rule(
        fact=mediation.CaseReceived,
        to=coordinator,
        area=WorkArea.MEDIATION,
        process=Process.MEDIATION,
        text=Words(
            "Ny sag: skal vurderes til konfliktråd", "New case: to be assessed for mediation"
        ),
        work_at=_MEDIATION,
        due=stated_due,
    ),
    Rule(
        fact=mediation.StepDue,
        step=mediation.Step.CONTACT_PARTIES,
        to=coordinator,
        area=WorkArea.MEDIATION,
        process=Process.MEDIATION,
        text=Words(
            "Frist overskredet: sagen skulle være vurderet, og parterne kontaktet",
            "Deadline passed: the case should have been assessed and the parties contacted",
        ),
        work_at=_MEDIATION,
        due=stated_due,
    ),
    Rule(
        fact=mediation.StepDue,
        to=coordinator,
        area=WorkArea.MEDIATION,
        process=Process.MEDIATION,
        text=Words(
            "Frist overskredet: næste skridt i sagen mangler",
            "Deadline passed: the case's next step is missing",
        ),
        work_at=_MEDIATION,
        due=stated_due,
    ),
    Rule(
        fact=mediation.Screened,
        step=mediation.ScreeningResult.SUITABLE,
        to=coordinator,
        area=WorkArea.MEDIATION,
        process=Process.MEDIATION,
        text=Words(
            "Sagen er egnet: parterne skal kontaktes",
            "The case is suitable: the parties are to be contacted",
        ),
        work_at=_MEDIATION,
        due=no_time,
    ),
    Rule(
        fact=mediation.Screened,
        step=mediation.ScreeningResult.SECOND_LOOK,
        to=coordinator,
        area=WorkArea.MEDIATION,
        process=Process.MEDIATION,
        text=Words("Sagen skal ses på igen", "The case must be looked at again"),
        work_at=_MEDIATION,
        due=no_time,
    ),
    Rule(
        fact=mediation.Screened,
        step=mediation.ScreeningResult.UNSUITABLE,
        to=coordinator,
        area=WorkArea.MEDIATION,
        process=Process.MEDIATION,
        text=Words(
            "Sagen er afsluttet: ikke egnet til konfliktråd",
            "The case is closed: not suitable for mediation",
        ),
        work_at=_MEDIATION,
        due=no_time,
    ),
    Rule(
        fact=mediation.Screened,
        to=coordinator,
        area=WorkArea.MEDIATION,
        process=Process.MEDIATION,
        text=Words("Sagens egnethed er vurderet", "The case was assessed for mediation"),
        work_at=_MEDIATION,
        due=no_time,
    ),
    Rule(
        fact=psp.CaseReceived,
        to=police_of_the_place,
        area=WorkArea.PSP,
        process=Process.PSP,
        text=Words("Ny sag: skal vurderes til PSP", "New case: to be judged for PSP"),
        work_at=_PSP,
        due=stated_due,
    ),
    Rule(
        fact=psp.StepDue,
        step=psp.Step.JUDGE_NECESSITY,
        to=police_of_the_place,
        area=WorkArea.PSP,
        process=Process.PSP,
        text=Words(
            "Frist overskredet: sagen skulle være vurderet til PSP",
            "Deadline passed: the case should have been judged for PSP",
        ),
        work_at=_PSP,
        due=stated_due,
    ),
    Rule(
        fact=psp.StepDue,
        to=police_of_the_place,
        area=WorkArea.PSP,
        process=Process.PSP,
        text=Words(
            "Frist overskredet: næste skridt i sagen mangler",
            "Deadline passed: the case's next step is missing",
        ),
        work_at=_PSP,
        due=stated_due,
    ),
)

NOBODY: Final[frozenset[type[Fact]]] = frozenset(
    {
        intake.CaseOpened,  # the service of its process emits a fact with a due time
        # the page and the history of the case show what changed about its people
        intake.PartyJoined,
        intake.PartyLeft,
        intake.PartyChanged,
        intake.PartyCameOfAge,
        intake.PartyErased,
        mediation.Closed,  # the coordinator learns it from mediation.screened.v1
        notify.NoticeCreated,  # notify's own facts
        notify.NoticeReminded,
    }
)
"""The facts that no notice is made of."""

UNKNOWN: Final = Words("Der er nyt at se på", "There is something new to look at")
"""The text of a notice whose rule is not, or no longer, in this table."""

_BY_ABOUT: Final = MappingProxyType(
    {(rule.fact.type, None if rule.step is None else rule.step.value): rule for rule in RULES}
)


def rule_of(about: str, step: str | None) -> Rule[Any] | None:
    """Return the rule for a type of fact, and the step that it is about; None where there is none."""
    return _BY_ABOUT.get((about, step)) or _BY_ABOUT.get((about, None))
