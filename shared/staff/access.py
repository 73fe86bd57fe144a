"""Access rights: one table of role, action and scope. Denied by default.

A person holds roles and places. A place is the police district, one of the two psychiatry regions,
or a municipality. The table lists the actions of each role with their scope:
the whole district, the places that the person holds, only cases that name the person, only those of a
group that the person is a member of, or only those that were disclosed to the person's authority
there. Everything else is denied, and a page answers it with 404.

A case can narrow that. A need-to-know list lets only those on it use what the table gives them. A bar
list (spærreliste) keeps a person out, whatever role, scope, list or break-glass would allow.

Pure: no clock, no store. The places come from `shared.contracts.places`, the authorities from
`shared.contracts.disclosure`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.contracts.disclosure import Authority
from shared.contracts.places import MUNICIPALITIES, POLICE_DISTRICT


class Role(StrEnum):
    """The role of a member of staff, as a claim of the login."""

    TRIAGE = "triage"
    LEADER = "leader"
    MEDIATION_COORDINATOR = "mediation-coordinator"
    MEDIATOR = "mediator"
    PSP_POLICE = "psp-police"
    PSP_PSYCHIATRY = "psp-psychiatry"
    PSP_MUNICIPALITY = "psp-municipality"
    DATA_PROTECTION = "data-protection"
    PATROL_LEADER = "patrol-leader"
    """Leads a patrol centre; holds the municipalities of the centre."""
    DUTY_OFFICER = "duty-officer"
    """Vagtchef: leads the police on duty, also outside office hours."""
    POLICE_LAWYER = "police-lawyer"
    """Politiadvokat: handles tilhold, opholdsforbud and bortvisning."""
    RIGHTS_CASEWORKER = "rights-caseworker"
    """Decides for the controller what persons are told about what is kept about them."""
    OPERATOR = "operator"


class Action(StrEnum):
    """What a person may do on a page or by a form."""

    READ_INBOX = "read-inbox"
    ACKNOWLEDGE_NOTICE = "acknowledge-notice"
    READ_TRIAGE = "read-triage"
    READ_REPORT = "read-report"
    READ_DANGER_REPORT = "read-danger-report"
    """A report that says danger to life, and no other."""
    NOTE_DANGER = "note-danger"
    READ_MEDIATION_CASE = "read-mediation-case"
    SCREEN_MEDIATION_CASE = "screen-mediation-case"
    CLEAR_MEDIATION_CASE = "clear-mediation-case"
    READ_PSP_CASE = "read-psp-case"
    READ_DISCLOSED_ITEMS = "read-disclosed-items"
    JUDGE_NECESSITY = "judge-necessity"
    READ_MEDIATION_NAMES = "read-mediation-names"
    CHANGE_MEDIATION_PEOPLE = "change-mediation-people"
    READ_PSP_NAMES = "read-psp-names"
    CHANGE_PSP_PEOPLE = "change-psp-people"


class Scope(StrEnum):
    """How far a permission reaches."""

    DISTRICT = "district"
    PLACE = "place"
    NAMED = "named"
    GROUP = "group"
    """Cases of a group that the person is a member of."""
    ASKED = "asked"
    """Cases that ask a role of the person's to look at them."""
    RECIPIENT = "recipient"
    """Cases of a place that the person holds, whose disclosure names the person's authority."""
    RECIPIENT_OR_SENDER = "recipient-or-sender"
    """As before, and those that the person's authority sent."""


@dataclass(frozen=True, slots=True)
class Staff:
    """A member of staff who is logged in, with the roles and places that they hold now.

    `id` is the login's subject, never a CPR number. `session` is the session by which they ask.
    """

    id: str
    name: str
    title: str
    roles: tuple[str, ...]
    places: tuple[str, ...]
    authority: str = ""
    """The authority whose member it is, such as `police`."""
    session: str = ""
    """The id of the login session; empty outside one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """The staff whom a case itself admits or keeps out, by their ids."""

    named: tuple[str, ...] = ()
    """Those whom the case names: its mediator, its caseworker."""
    members: tuple[str, ...] = ()
    """The members of the group whose case it is."""
    need_to_know: tuple[str, ...] | None = None
    """Those who may use what the table gives them; None where there is no such list."""
    barred: tuple[str, ...] = ()
    """Those who are kept out, whatever else would let them in."""


NO_LISTS: Final = Circle()
"""Of a case that names nobody and keeps nobody out."""

_EVERYONE: Final = {
    Action.READ_INBOX: Scope.DISTRICT,
    Action.ACKNOWLEDGE_NOTICE: Scope.DISTRICT,
}

_SORTS_REPORTS: Final = {
    **_EVERYONE,
    Action.READ_TRIAGE: Scope.DISTRICT,
    Action.READ_REPORT: Scope.DISTRICT,
    Action.READ_DANGER_REPORT: Scope.DISTRICT,
    Action.NOTE_DANGER: Scope.DISTRICT,
}
# Intake shows names and does not know whom a disclosure names: the case's service tells it.
_PSP_NAMES: Final = {
    Action.READ_PSP_NAMES: Scope.NAMED,
    Action.CHANGE_PSP_PEOPLE: Scope.NAMED,
}

_RECIPIENT: Final = {
    **_EVERYONE,
    **_PSP_NAMES,
    Action.READ_PSP_CASE: Scope.RECIPIENT,
    Action.JUDGE_NECESSITY: Scope.RECIPIENT,
    Action.READ_DISCLOSED_ITEMS: Scope.RECIPIENT,
}

AUTHORITY_OF: Final[Mapping[str, Authority]] = MappingProxyType(
    {
        Role.PSP_POLICE: Authority.POLICE,
        Role.PSP_PSYCHIATRY: Authority.PSYCHIATRY,
        Role.PSP_MUNICIPALITY: Authority.SOCIAL_SERVICES,
    }
)
"""The authority for which a role receives what is disclosed. An institution has no role: it
receives nothing here."""

TABLE: Final[Mapping[str, Mapping[Action, Scope]]] = MappingProxyType(
    {
        Role.TRIAGE: _SORTS_REPORTS,
        Role.LEADER: {
            **_SORTS_REPORTS,
            Action.READ_MEDIATION_CASE: Scope.ASKED,
            Action.SCREEN_MEDIATION_CASE: Scope.ASKED,
        },
        Role.MEDIATION_COORDINATOR: {
            **_EVERYONE,
            Action.READ_MEDIATION_CASE: Scope.DISTRICT,
            Action.SCREEN_MEDIATION_CASE: Scope.DISTRICT,
            Action.READ_MEDIATION_NAMES: Scope.DISTRICT,
            Action.CHANGE_MEDIATION_PEOPLE: Scope.DISTRICT,
        },
        Role.MEDIATOR: {
            **_EVERYONE,
            Action.READ_MEDIATION_CASE: Scope.NAMED,
            Action.READ_MEDIATION_NAMES: Scope.NAMED,
            Action.CHANGE_MEDIATION_PEOPLE: Scope.NAMED,
        },
        # Section 115: a case is open to the authorities that its disclosure names, and to the police
        # also where they sent it. What was disclosed is for those who are named alone.
        Role.PSP_POLICE: {
            **_EVERYONE,
            Action.READ_PSP_CASE: Scope.RECIPIENT_OR_SENDER,
            Action.JUDGE_NECESSITY: Scope.RECIPIENT_OR_SENDER,
            Action.READ_DISCLOSED_ITEMS: Scope.RECIPIENT,
            **_PSP_NAMES,
        },
        Role.PSP_PSYCHIATRY: _RECIPIENT,
        Role.PSP_MUNICIPALITY: _RECIPIENT,
        Role.DATA_PROTECTION: _EVERYONE,
        Role.PATROL_LEADER: _EVERYONE,
        Role.DUTY_OFFICER: {
            **_EVERYONE,
            Action.READ_DANGER_REPORT: Scope.DISTRICT,
            Action.NOTE_DANGER: Scope.DISTRICT,
        },
        Role.POLICE_LAWYER: {
            **_EVERYONE,
            Action.READ_MEDIATION_CASE: Scope.ASKED,
            Action.CLEAR_MEDIATION_CASE: Scope.ASKED,
        },
        Role.RIGHTS_CASEWORKER: _EVERYONE,
        Role.OPERATOR: _EVERYONE,
    }
)


def reach(places: Collection[str]) -> frozenset[str]:
    """Return the places that the given ones cover: a region covers its municipalities."""
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
    recipients: Collection[str] = (),
    senders: Collection[str] = (),
    asked: Collection[str] = (),
    circle: Circle = NO_LISTS,
) -> bool:
    """Return whether the table allows a person an action.

    `municipality` is the place of the case, `named` the ids of the staff that the case names beside
    those of its `circle`, `recipients` the authorities that its disclosure names, `senders` those
    that sent it, and `asked` the roles that it asks to look at it. Without a municipality only a
    permission for the whole district is enough.
    """
    if staff.id in circle.barred:
        return False
    if circle.need_to_know is not None and staff.id not in circle.need_to_know:
        return False
    is_here = municipality in reach(staff.places)
    for role in staff.roles:
        authority = AUTHORITY_OF.get(role)
        is_received, is_sent = is_here and authority in recipients, is_here and authority in senders
        reached = {
            Scope.DISTRICT: True,
            Scope.PLACE: is_here,
            Scope.NAMED: staff.id in named or staff.id in circle.named,
            Scope.GROUP: staff.id in circle.members,
            Scope.ASKED: role in asked,
            Scope.RECIPIENT: is_received,
            Scope.RECIPIENT_OR_SENDER: is_received or is_sent,
        }
        scope = TABLE.get(role, {}).get(action)
        if scope is not None and reached[scope]:
            return True
    return False
