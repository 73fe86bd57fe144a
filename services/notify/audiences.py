"""Whom a fact concerns, and by when they must have acted. Pure: no I/O, no clock, no randomness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from shared.cases.working_time import TRIAGE_WITHIN, is_office_time
from shared.contracts.places import POLICE_DISTRICT
from shared.staff.access import AUTHORITY_OF, Role

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from shared.contracts import Fact, mediation, psp
    from shared.contracts.intake import TriageWaiting

__all__ = [
    "Audience",
    "all_who_must_act_on_danger",
    "at_once",
    "coordinator",
    "coordinator_and_leader",
    "late_recipients",
    "leader_of_what_awaits_somebody",
    "lookers",
    "new_readers",
    "no_time",
    "nobody",
    "on_duty",
    "psp_recipients",
    "secretariat",
    "stated_due",
    "triage_due",
]


@dataclass(frozen=True, slots=True)
class Audience:
    """A role and the place it covers; never a person."""

    role: Role
    place: str
    """A municipality, or the police district for a role that covers all of it."""

    def __str__(self) -> str:
        """Return role and place as one word, as the fact of a notice carries them."""
        return f"{self.role}:{self.place}"


_LOOKERS: Final[Mapping[str, Role]] = {
    "leader": Role.LEADER,
    "police_lawyer": Role.POLICE_LAWYER,
}


class _InAPlace(Protocol):
    @property
    def municipality(self) -> str: ...


class _DueAt(Protocol):
    @property
    def due_at(self) -> datetime: ...


class _OfDanger(_InAPlace, Protocol):
    @property
    def since(self) -> datetime: ...


class _ToAuthorities(_InAPlace, Protocol):
    @property
    def authorities(self) -> Collection[str] | None: ...


def secretariat(_: _InAPlace) -> Audience:
    """Return the secretariat, which sorts reports for the whole district."""
    return Audience(Role.TRIAGE, POLICE_DISTRICT)


def all_who_must_act_on_danger(fact: _OfDanger) -> tuple[Audience, ...]:
    """Return the secretariat and its leader; outside office hours also every duty officer."""
    duty_officers = () if is_office_time(fact.since) else (on_duty(fact),)
    return (secretariat(fact), Audience(Role.LEADER, POLICE_DISTRICT), *duty_officers)


def on_duty(_: _InAPlace) -> Audience:
    """Return all who hold the role of duty officer; who of them is on duty is not known here."""
    return Audience(Role.DUTY_OFFICER, POLICE_DISTRICT)


def coordinator(_: _InAPlace) -> Audience:
    """Return the coordinator, who answers for all mediations of the district (lov 467/2009)."""
    return Audience(Role.MEDIATION_COORDINATOR, POLICE_DISTRICT)


def lookers(fact: mediation.LookAsked) -> tuple[Audience, ...]:
    """Return those who are asked to look at a case; one of a kind not known here is not told."""
    return tuple(Audience(_LOOKERS[each], POLICE_DISTRICT) for each in fact.of if each in _LOOKERS)


def coordinator_and_leader(fact: _InAPlace) -> tuple[Audience, ...]:
    """Return the coordinator, and the leader who looks at the case again."""
    return (coordinator(fact), Audience(Role.LEADER, POLICE_DISTRICT))


def nobody(_: Fact) -> tuple[Audience, ...]:
    """Return nobody: the text of the row remains for notices from before."""
    return ()


def psp_recipients(fact: _ToAuthorities) -> tuple[Audience, ...]:
    """Return the members of PSP, in that municipality, of each authority that may open the case.

    The others hear nothing of it.
    """
    named = fact.authorities or ()
    roles = [role for role, authority in AUTHORITY_OF.items() if authority in named]
    return tuple(Audience(Role(role), fact.municipality) for role in roles)


def new_readers(fact: psp.AccessChanged) -> tuple[Audience, ...]:
    """Return the recipients where something is awaited of them; else a change is told to nobody."""
    return psp_recipients(fact) if fact.due_at is not None else ()


def late_recipients(fact: psp.StepDue) -> tuple[Audience, ...]:
    """Return the recipients; the police of the place for facts from before that do not name them."""
    if fact.authorities is None:
        return (Audience(Role.PSP_POLICE, fact.municipality),)
    return psp_recipients(fact)


def leader_of_what_awaits_somebody(fact: psp.AccessChanged | psp.StepDue) -> tuple[Audience, ...]:
    """Return the Secretariat's leader, who finds somebody for a case that nobody may open."""
    return (Audience(Role.LEADER, POLICE_DISTRICT),) if fact.due_at is not None else ()


def stated_due(fact: _DueAt) -> datetime | None:
    """Return the due time in the fact."""
    return fact.due_at


def at_once(fact: _OfDanger) -> datetime | None:
    """Return the time at which the report arrived: it is due from then on."""
    return fact.since


def no_time(_: Fact) -> datetime | None:
    """Return no due time."""
    return None


def triage_due(fact: TriageWaiting) -> datetime | None:
    """Return the due time in the fact; older facts have none, so it is counted here."""
    return fact.due_at or TRIAGE_WITHIN.after(fact.since)
