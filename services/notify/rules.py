"""Whom a fact concerns: one table, a row for each fact, and nothing about it elsewhere.

A row says which fact it is for, who gets the notice, what the notice says in both languages, where
the work is done, and by when. A fact that concerns nobody stands in `NOBODY`; every fact of every
service stands in one of the two. Pure: no I/O, no clock, no randomness.
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

__all__ = ["NOBODY", "RULES", "UNKNOWN", "Audience", "Desk", "Rule", "Words", "rule_of"]

F = TypeVar("F", bound=Fact)


class Desk(StrEnum):
    """Whose work a notice belongs to; what the inbox filters by."""

    TRIAGE = "triage"
    MEDIATION = "mediation"
    PSP = "psp"


class Words(NamedTuple):
    """What a notice says."""

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
    """Sort reports for the whole district."""
    return Audience(Role.TRIAGE, POLICE_DISTRICT)


def coordinator(_: _InAPlace) -> Audience:
    """Answers for the whole district's portfolio of mediations (lov 467/2009)."""
    return Audience(Role.MEDIATION_COORDINATOR, POLICE_DISTRICT)


def police_of_the_place(fact: _InAPlace) -> Audience:
    """Only the police's members in that municipality, and nobody else.

    The other authorities learn of the person when something is disclosed to them under rpl § 115,
    item by item, and not before.
    """
    return Audience(Role.PSP_POLICE, fact.municipality)


def as_told(fact: _DueAt) -> datetime | None:
    """By when the fact itself says."""
    return fact.due_at


def no_time(_: Fact) -> datetime | None:
    """At no certain time."""
    return None


def triage_due(fact: TriageWaiting) -> datetime | None:
    """By when the fact says; counted here for facts from before that was told."""
    return fact.due_at or TRIAGE_WITHIN.after(fact.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[F]):
    """One row: a fact whose notice is laid into the inbox of whom it concerns."""

    fact: type[F]
    step: StrEnum | None = None
    """The condition: only where the fact is about this step, or has this result. None: whatever its
    other rows leave."""
    to: Callable[[F], Audience]
    desk: Desk
    process: Process | None = None
    """Of which the case is, as its reference says it; None for a report that has no case yet."""
    says: Words
    work_at: str
    """The address where the work is done; `{subject}` stands for the case or report."""
    due: Callable[[F], datetime | None]
    """By when somebody must act; a notice whose rule says None has no deadline."""


_TRIAGE: Final = "/intake/triage"
_MEDIATION: Final = "/mediation/cases/{subject}"
_PSP: Final = "/psp/cases/{subject}"

RULES: Final[tuple[Rule[Any], ...]] = (
    Rule(
        fact=TriageWaiting,
        to=secretariat,
        desk=Desk.TRIAGE,
        says=Words("Henvendelse venter på visitation", "Report waits for triage"),
        work_at=_TRIAGE,
        due=triage_due,
    ),
    Rule(
        fact=TriageOverdue,
        to=secretariat,
        desk=Desk.TRIAGE,
        says=Words(
            "Frist overskredet: henvendelse venter stadig på visitation",
            "Deadline passed: a report still waits for triage",
        ),
        work_at=_TRIAGE,
        due=as_told,
    ),
    Rule(
        fact=mediation.CaseReceived,
        to=coordinator,
        desk=Desk.MEDIATION,
        process=Process.MEDIATION,
        says=Words(
            "Ny sag: skal vurderes til konfliktråd", "New case: to be assessed for mediation"
        ),
        work_at=_MEDIATION,
        due=as_told,
    ),
    Rule(
        fact=mediation.StepDue,
        step=mediation.Step.CONTACT_PARTIES,
        to=coordinator,
        desk=Desk.MEDIATION,
        process=Process.MEDIATION,
        says=Words(
            "Frist overskredet: sagen skulle være vurderet, og parterne kontaktet",
            "Deadline passed: the case should have been assessed and the parties contacted",
        ),
        work_at=_MEDIATION,
        due=as_told,
    ),
    Rule(
        fact=mediation.StepDue,
        to=coordinator,
        desk=Desk.MEDIATION,
        process=Process.MEDIATION,
        says=Words(
            "Frist overskredet: næste skridt i sagen mangler",
            "Deadline passed: the case's next step is missing",
        ),
        work_at=_MEDIATION,
        due=as_told,
    ),
    Rule(
        fact=mediation.Screened,
        step=mediation.ScreeningResult.SUITABLE,
        to=coordinator,
        desk=Desk.MEDIATION,
        process=Process.MEDIATION,
        says=Words(
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
        desk=Desk.MEDIATION,
        process=Process.MEDIATION,
        says=Words("Sagen skal ses på igen", "The case must be looked at again"),
        work_at=_MEDIATION,
        due=no_time,
    ),
    Rule(
        fact=mediation.Screened,
        step=mediation.ScreeningResult.UNSUITABLE,
        to=coordinator,
        desk=Desk.MEDIATION,
        process=Process.MEDIATION,
        says=Words(
            "Sagen er afsluttet: ikke egnet til konfliktråd",
            "The case is closed: not suitable for mediation",
        ),
        work_at=_MEDIATION,
        due=no_time,
    ),
    Rule(
        fact=mediation.Screened,
        to=coordinator,
        desk=Desk.MEDIATION,
        process=Process.MEDIATION,
        says=Words("Sagens egnethed er vurderet", "The case was assessed for mediation"),
        work_at=_MEDIATION,
        due=no_time,
    ),
    Rule(
        fact=psp.CaseReceived,
        to=police_of_the_place,
        desk=Desk.PSP,
        process=Process.PSP,
        says=Words("Ny sag: skal vurderes til PSP", "New case: to be judged for PSP"),
        work_at=_PSP,
        due=as_told,
    ),
    Rule(
        fact=psp.StepDue,
        step=psp.Step.JUDGE_NECESSITY,
        to=police_of_the_place,
        desk=Desk.PSP,
        process=Process.PSP,
        says=Words(
            "Frist overskredet: sagen skulle være vurderet til PSP",
            "Deadline passed: the case should have been judged for PSP",
        ),
        work_at=_PSP,
        due=as_told,
    ),
    Rule(
        fact=psp.StepDue,
        to=police_of_the_place,
        desk=Desk.PSP,
        process=Process.PSP,
        says=Words(
            "Frist overskredet: næste skridt i sagen mangler",
            "Deadline passed: the case's next step is missing",
        ),
        work_at=_PSP,
        due=as_told,
    ),
)

NOBODY: Final[frozenset[type[Fact]]] = frozenset(
    {
        intake.CaseOpened,  # its own service says when somebody must act on it
        intake.PartyCameOfAge,
        intake.PartyErased,
        mediation.Closed,  # the fact of the act that closed the case tells the coordinator
        notify.NoticeCreated,  # what notify tells itself
        notify.NoticeReminded,
    }
)
"""The facts that no notice is made of."""

UNKNOWN: Final = Words("Der er nyt at se på", "There is something new to look at")
"""What a notice says that was stored under a rule which this table does not have (any more)."""

_BY_ABOUT: Final = MappingProxyType(
    {(rule.fact.type, None if rule.step is None else rule.step.value): rule for rule in RULES}
)


def rule_of(about: str, step: str | None) -> Rule[Any] | None:
    """Return the rule for a type of fact, and the step that it is about; None where there is none."""
    return _BY_ABOUT.get((about, step)) or _BY_ABOUT.get((about, None))
