"""Whom a fact concerns: one rule per fact, a role in a place.

Pure: no I/O, no clock, no randomness. A notice is known by its cause, so the same cause never
makes two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import NAMESPACE_URL, UUID, uuid5

from shared.cases.working_time import TRIAGE_WITHIN, Length
from shared.contracts import Fact, mediation, psp
from shared.contracts.intake import TriageOverdue, TriageWaiting
from shared.contracts.notify import NoticeCreated, NoticeReminded
from shared.contracts.places import POLICE_DISTRICT
from shared.contracts.processes import Process
from shared.contracts.references import case_reference
from shared.staff.access import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Audience", "Desk", "Notice", "notices_of", "remind_at", "reminded", "told"]


_NOTICES: Final = uuid5(NAMESPACE_URL, "samraad:notices")


class Desk(StrEnum):
    """Whose work a notice belongs to; what the inbox filters by."""

    TRIAGE = "triage"
    MEDIATION = "mediation"
    PSP = "psp"


@dataclass(frozen=True, slots=True)
class Audience:
    """A role and the place it covers; never a person."""

    role: Role
    place: str
    """A municipality, or the police district for a role that covers all of it."""

    def __str__(self) -> str:
        """Return role and place as one word, as the fact of a notice carries them."""
        return f"{self.role}:{self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What an inbox shows: a reference, a place and a deadline."""

    id: UUID
    desk: Desk
    about: str
    """The type of the fact that caused it."""
    subject: UUID
    """The case, or the report that has no case yet."""
    process: Process | None
    municipality: str
    audience: Audience
    due_at: datetime
    step: str | None = None
    """The step of a case whose time has passed, where the notice is about that."""

    @property
    def reference(self) -> str:
        """How people name the case."""
        return case_reference(self.process, self.subject)


def notices_of(fact: Fact) -> tuple[Notice, ...]:
    """Say whom a fact concerns; nobody where there is no rule for it."""
    rule = _RULES.get(fact.type)
    return () if rule is None else (rule(fact),)


def told(notice: Notice) -> NoticeCreated:
    """Tell the others that a notice lies in an inbox."""
    return NoticeCreated(
        case_id=notice.subject,
        notice_id=notice.id,
        audience=str(notice.audience),
        about=notice.about,
    )


def remind_at(due_at: datetime, now: datetime, within: Length) -> datetime:
    """Say when a notice that nobody acknowledged is recalled.

    After the time in which somebody must acknowledge it; where what it is about is due sooner, half
    way there, so that time is left to act.
    """
    latest = within.after(now)
    return min(latest, now + (due_at - now) / 2) if due_at > now else latest


def reminded(notice: Mapping[str, Any]) -> NoticeReminded:
    """Tell the others that nobody acknowledged a notice in time."""
    return NoticeReminded(
        case_id=UUID(notice["subject"]),
        notice_id=UUID(notice["_id"]),
        audience=f"{notice['role']}:{notice['place']}",
        about=notice["about"],
    )


def _id_of(fact: Fact, audience: Audience, *more: str) -> UUID:
    return uuid5(_NOTICES, "|".join((fact.type, fact.subject(), str(audience), *more)))


def _triage_waits(fact: TriageWaiting) -> Notice:
    """Tell the secretariat, which sorts for the whole district."""
    return _for_triage(fact, fact.due_at or TRIAGE_WITHIN.after(fact.since))


def _triage_overdue(fact: TriageOverdue) -> Notice:
    """Tell the secretariat once more: the report has waited for too long."""
    return _for_triage(fact, fact.due_at)


def _for_triage(fact: TriageWaiting | TriageOverdue, due_at: datetime) -> Notice:
    audience = Audience(Role.TRIAGE, POLICE_DISTRICT)
    return Notice(
        id=_id_of(fact, audience),
        desk=Desk.TRIAGE,
        about=fact.type,
        subject=fact.report_id,
        process=None,
        municipality=fact.municipality,
        audience=audience,
        due_at=due_at,
    )


def _mediation_received(fact: mediation.CaseReceived) -> Notice:
    """Tell the coordinator, who has the whole district's portfolio (lov 467/2009)."""
    audience = Audience(Role.MEDIATION_COORDINATOR, POLICE_DISTRICT)
    return Notice(
        id=_id_of(fact, audience),
        desk=Desk.MEDIATION,
        about=fact.type,
        subject=fact.case_id,
        process=Process.MEDIATION,
        municipality=fact.municipality,
        audience=audience,
        due_at=fact.due_at,
    )


def _psp_received(fact: psp.CaseReceived) -> Notice:
    """Tell the police's members in that municipality, and nobody else.

    The other authorities learn of the person when something is disclosed to them under rpl § 115,
    item by item, and not before.
    """
    audience = Audience(Role.PSP_POLICE, fact.municipality)
    return Notice(
        id=_id_of(fact, audience),
        desk=Desk.PSP,
        about=fact.type,
        subject=fact.case_id,
        process=Process.PSP,
        municipality=fact.municipality,
        audience=audience,
        due_at=fact.due_at,
    )


def _mediation_step_due(fact: mediation.StepDue) -> Notice:
    """Tell the coordinator, who answers for the whole portfolio."""
    audience = Audience(Role.MEDIATION_COORDINATOR, POLICE_DISTRICT)
    return Notice(
        id=_id_of(fact, audience, fact.step, fact.due_at.isoformat()),
        desk=Desk.MEDIATION,
        about=fact.type,
        subject=fact.case_id,
        process=Process.MEDIATION,
        municipality=fact.municipality,
        audience=audience,
        due_at=fact.due_at,
        step=fact.step,
    )


def _psp_step_due(fact: psp.StepDue) -> Notice:
    """Tell the police's members in that municipality, as when the case came."""
    audience = Audience(Role.PSP_POLICE, fact.municipality)
    return Notice(
        id=_id_of(fact, audience, fact.step, fact.due_at.isoformat()),
        desk=Desk.PSP,
        about=fact.type,
        subject=fact.case_id,
        process=Process.PSP,
        municipality=fact.municipality,
        audience=audience,
        due_at=fact.due_at,
        step=fact.step,
    )


_RULES: Final = cast(
    "Mapping[str, Callable[[Any], Notice]]",
    {
        TriageWaiting.type: _triage_waits,
        mediation.CaseReceived.type: _mediation_received,
        psp.CaseReceived.type: _psp_received,
        TriageOverdue.type: _triage_overdue,
        mediation.StepDue.type: _mediation_step_due,
        psp.StepDue.type: _psp_step_due,
    },
)
