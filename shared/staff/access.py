"""Who may do what: one table of role, action and scope. Deny by default.

A person holds roles and places. A place is the police district, one of the two psychiatry regions,
or a municipality. The table says for each role which actions it may do and
over how much: the whole district, the places it holds, or only cases that name the person.
What the table does not say is not allowed, and a page answers it with 404 as if it did not exist.

Pure: no clock, no store. The places come from `shared.contracts.places`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.contracts.places import MUNICIPALITIES, POLICE_DISTRICT


class Role(StrEnum):
    """What a member of staff is, as the login says it."""

    TRIAGE = "triage"
    LEADER = "leader"
    MEDIATION_COORDINATOR = "mediation-coordinator"
    MEDIATOR = "mediator"
    PSP_POLICE = "psp-police"
    PSP_PSYCHIATRY = "psp-psychiatry"
    PSP_MUNICIPALITY = "psp-municipality"
    DATA_PROTECTION = "data-protection"
    OPERATOR = "operator"


class Action(StrEnum):
    """What a page or a form lets a person do."""

    READ_INBOX = "read-inbox"
    ACKNOWLEDGE_NOTICE = "acknowledge-notice"
    READ_TRIAGE = "read-triage"
    READ_MEDIATION_CASE = "read-mediation-case"
    READ_PSP_CASE = "read-psp-case"


class Scope(StrEnum):
    """How far a permission reaches."""

    DISTRICT = "district"
    PLACE = "place"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff who is logged in. `id` is the login's subject, never a CPR number."""

    id: str
    name: str
    title: str
    roles: tuple[str, ...]
    places: tuple[str, ...]


_EVERYONE: Final = {
    Action.READ_INBOX: Scope.DISTRICT,
    Action.ACKNOWLEDGE_NOTICE: Scope.DISTRICT,
}

TABLE: Final[Mapping[str, Mapping[Action, Scope]]] = MappingProxyType(
    {
        Role.TRIAGE: {**_EVERYONE, Action.READ_TRIAGE: Scope.DISTRICT},
        Role.LEADER: {**_EVERYONE, Action.READ_TRIAGE: Scope.DISTRICT},
        Role.MEDIATION_COORDINATOR: {**_EVERYONE, Action.READ_MEDIATION_CASE: Scope.DISTRICT},
        Role.MEDIATOR: {**_EVERYONE, Action.READ_MEDIATION_CASE: Scope.NAMED},
        # Section 115: the police open the case; the others know nothing of it until something is
        # disclosed to them, and then they are named on it.
        Role.PSP_POLICE: {**_EVERYONE, Action.READ_PSP_CASE: Scope.PLACE},
        Role.PSP_PSYCHIATRY: {**_EVERYONE, Action.READ_PSP_CASE: Scope.NAMED},
        Role.PSP_MUNICIPALITY: {**_EVERYONE, Action.READ_PSP_CASE: Scope.NAMED},
        Role.DATA_PROTECTION: _EVERYONE,
        Role.OPERATOR: _EVERYONE,
    }
)


def reach(places: Collection[str]) -> frozenset[str]:
    """Return the places that are covered by the given ones: a region covers its municipalities."""
    if POLICE_DISTRICT in places:
        return frozenset({POLICE_DISTRICT, *MUNICIPALITIES})
    return frozenset(
        code
        for code, municipality in MUNICIPALITIES.items()
        if code in places or municipality.psychiatry_region.value in places
    )


def may(
    staff: Staff,
    action: Action,
    *,
    municipality: str | None = None,
    named: Collection[str] = (),
) -> bool:
    """Whether the table lets this person do this, here.

    `municipality` is the place of what is acted on, `named` the ids of the staff its case names.
    Without a municipality only a permission over the whole district is enough.
    """
    for role in staff.roles:
        match TABLE.get(role, {}).get(action):
            case Scope.DISTRICT:
                return True
            case Scope.PLACE if municipality in reach(staff.places):
                return True
            case Scope.NAMED if staff.id in named:
                return True
            case _:
                continue
    return False
