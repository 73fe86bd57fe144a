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
from typing import Any, Final, Generic, NamedTuple, TypeVar

from services.notify.audiences import (
    Audience,
    all_who_must_act_on_danger,
    at_once,
    coordinator,
    coordinator_and_leader,
    late_recipients,
    leader_of_what_awaits_somebody,
    lookers,
    new_readers,
    no_time,
    nobody,
    on_duty,
    psp_recipients,
    secretariat,
    stated_due,
    triage_due,
)
from shared.contracts import Fact, intake, mediation, notify, psp
from shared.contracts.intake import TriageOverdue, TriageWaiting
from shared.contracts.processes import Process

__all__ = [
    "NOBODY",
    "RULES",
    "UNKNOWN",
    "Audience",
    "Readers",
    "Rule",
    "Words",
    "WorkArea",
    "rule_of",
]

F = TypeVar("F", bound=Fact)


class WorkArea(StrEnum):
    """The area of work that a notice belongs to; the inbox filters by it."""

    TRIAGE = "triage"
    MEDIATION = "mediation"
    PSP = "psp"


class Readers(StrEnum):
    """Who may open the case that a fact is about, where that makes another notice of it."""

    NONE = "no_readers"
    """Nobody: its disclosure names no authority that has members here, or was not read yet."""


class Words(NamedTuple):
    """The text of a notice."""

    da: str
    en: str

    def in_language(self, language: str) -> str:
        """Return it in one of the languages of the pages (`shared.web.words`)."""
        return self.en if language == "en" else self.da


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[F]):
    """One row: a fact that creates a notice."""

    fact: type[F]
    step: StrEnum | None = None
    """The condition: only where the fact is about this step, or has this result. None: every
    step and result without a row of its own."""
    to: Callable[[F], Audience | tuple[Audience, ...]]
    """Whom the notice is for; a notice is made for each."""
    area: WorkArea
    process: Process | None = None
    """The process of the case, for its reference; None for a report that has no case yet."""
    text: Words
    work_at: str | None
    """The address where the work is done; `{subject}` is replaced by the id of the case or report.
    None where those whom it is for may not open it."""
    due: Callable[[F], datetime | None]
    """When somebody must have acted; None where the notice has no deadline."""
    ended_by: type[Fact] | None = None
    """Makes the notice urgent: it stands first, in red, and rings on the bell, and no acknowledgement
    stops it, only this fact about the same case or report. The fact carries what `to` asks."""


_REPORT: Final = "/intake/triage/{subject}"
_MEDIATION: Final = "/mediation/cases/{subject}"
_PSP: Final = "/psp/cases/{subject}"

RULES: Final[tuple[Rule[Any], ...]] = (
    Rule(
        fact=TriageWaiting,
        to=secretariat,
        area=WorkArea.TRIAGE,
        text=Words("Henvendelse venter på afgørelse", "Report waits for triage"),
        work_at=_REPORT,
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
        work_at=_REPORT,
        due=stated_due,
    ),
    Rule(
        fact=intake.DangerReported,
        to=all_who_must_act_on_danger,
        area=WorkArea.TRIAGE,
        text=Words(
            "Mulig fare for liv: ring 112, og notér det",
            "Possible danger to life: call 112, and note it",
        ),
        work_at=_REPORT,
        due=at_once,
        ended_by=intake.DangerNoted,
    ),
    Rule(
        fact=intake.DangerOverdue,
        to=on_duty,
        area=WorkArea.TRIAGE,
        text=Words(
            "Mulig fare for liv, og intet er noteret: ring 112, og notér det",
            "Possible danger to life, and nothing is noted: call 112, and note it",
        ),
        work_at=_REPORT,
        due=at_once,
        ended_by=intake.DangerNoted,
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
        fact=mediation.LookAsked,
        to=lookers,
        area=WorkArea.MEDIATION,
        process=Process.MEDIATION,
        text=Words("Sagen venter på, at du ser på den", "The case waits for you to look at it"),
        work_at=_MEDIATION,
        due=no_time,
    ),
    Rule(
        fact=mediation.ClearanceGiven,
        step=mediation.Clearance.CLEARED,
        to=coordinator_and_leader,
        area=WorkArea.MEDIATION,
        process=Process.MEDIATION,
        text=Words(
            "Politiadvokaten har godkendt, at sagen går videre",
            "The police lawyer has cleared the case",
        ),
        work_at=_MEDIATION,
        due=no_time,
    ),
    Rule(
        fact=mediation.ClearanceGiven,
        step=mediation.Clearance.NOT_CLEARED,
        to=coordinator_and_leader,
        area=WorkArea.MEDIATION,
        process=Process.MEDIATION,
        text=Words(
            "Politiadvokaten har ikke godkendt, at sagen går videre",
            "The police lawyer has not cleared the case",
        ),
        work_at=_MEDIATION,
        due=no_time,
    ),
    Rule(
        fact=mediation.ClearanceGiven,
        to=coordinator_and_leader,
        area=WorkArea.MEDIATION,
        process=Process.MEDIATION,
        text=Words("Politiadvokaten har vurderet sagen", "The police lawyer has assessed the case"),
        work_at=_MEDIATION,
        due=no_time,
    ),
    Rule(
        fact=psp.CaseReceived,
        to=nobody,  # nobody may open it before its recipients are known: psp.access_changed.v1
        area=WorkArea.PSP,
        process=Process.PSP,
        text=Words("Ny sag: skal vurderes til PSP", "New case: to be judged for PSP"),
        work_at=_PSP,
        due=stated_due,
    ),
    Rule(
        fact=psp.AccessChanged,
        to=new_readers,
        area=WorkArea.PSP,
        process=Process.PSP,
        text=Words("Ny sag: skal vurderes til PSP", "New case: to be judged for PSP"),
        work_at=_PSP,
        due=stated_due,
    ),
    Rule(
        fact=psp.AccessChanged,
        step=Readers.NONE,
        to=leader_of_what_awaits_somebody,
        area=WorkArea.PSP,
        process=Process.PSP,
        text=Words(
            "Sag uden modtager: ingen i PSP kan åbne den",
            "Case without a recipient: nobody in PSP can open it",
        ),
        work_at=None,
        due=stated_due,
    ),
    Rule(
        fact=psp.StepDue,
        step=Readers.NONE,
        to=leader_of_what_awaits_somebody,
        area=WorkArea.PSP,
        process=Process.PSP,
        text=Words(
            "Frist overskredet: ingen i PSP kan åbne sagen",
            "Deadline passed: nobody in PSP can open the case",
        ),
        work_at=None,
        due=stated_due,
    ),
    Rule(
        fact=psp.NecessityJudged,
        step=psp.NecessityResult.NECESSARY,
        to=psp_recipients,
        area=WorkArea.PSP,
        process=Process.PSP,
        text=Words(
            "Vurderet: det er nødvendigt at dele sagen", "Judged: it is necessary to share the case"
        ),
        work_at=_PSP,
        due=no_time,
    ),
    Rule(
        fact=psp.NecessityJudged,
        step=psp.NecessityResult.NOT_NECESSARY,
        to=psp_recipients,
        area=WorkArea.PSP,
        process=Process.PSP,
        text=Words(
            "Sagen er afsluttet: det var ikke nødvendigt at dele den",
            "The case is closed: it was not necessary to share it",
        ),
        work_at=_PSP,
        due=no_time,
    ),
    Rule(
        fact=psp.NecessityJudged,
        to=psp_recipients,
        area=WorkArea.PSP,
        process=Process.PSP,
        text=Words("Sagens nødvendighed er vurderet", "The necessity of the case was judged"),
        work_at=_PSP,
        due=no_time,
    ),
    Rule(
        fact=psp.StepDue,
        step=psp.Step.JUDGE_NECESSITY,
        to=late_recipients,
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
        to=late_recipients,
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
        intake.DangerNoted,  # it ends the notices of danger
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
        notify.StaffChanged,
        notify.StaffSnapshotEnded,
        notify.SessionEnded,
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
