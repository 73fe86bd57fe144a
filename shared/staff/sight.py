"""Which cases a person may do an action to: the query form of `may`, for lists and menus. Pure.

`may` judges one case; a list must not load a case before it is judged. Both read the same table, and
`tests/domain/test_sight.py` compares them for every role, action, place and naming.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from shared.contracts.places import POLICE_DISTRICT
from shared.staff.access import AUTHORITY_OF, TABLE, Action, Scope, Staff, reach

__all__ = [
    "ASKED_IN",
    "BARRED_IN",
    "DISCLOSED_TO_IN",
    "MEMBERS_IN",
    "NAMED_IN",
    "NEED_TO_KNOW_IN",
    "SENT_BY_IN",
    "Sight",
    "sight_of",
]

NAMED_IN: Final = "circle.named"
"""The field of a case's document with the ids of the staff whom the case names."""
MEMBERS_IN: Final = "circle.members"
"""The field with the ids of the members of the group whose case it is."""
NEED_TO_KNOW_IN: Final = "circle.need_to_know"
"""The field with the ids of those who alone may use their permissions; null for no such list."""
BARRED_IN: Final = "circle.barred"
"""The field with the ids of those who are kept out."""
ASKED_IN: Final = "asked"
"""The field with the roles that a case asks to look at it."""
DISCLOSED_TO_IN: Final = "disclosed_to"
"""The field with the authorities that a case was disclosed to; null until that is known."""
SENT_BY_IN: Final = "sent_by"
"""The field with the authorities that sent a case, where that opens it to them."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The cases that a person may do an action to."""

    staff_id: str
    is_district: bool = False
    """All cases."""
    places: frozenset[str] = frozenset()
    """The cases of these municipalities."""
    is_named: bool = False
    """The cases that name the person."""
    is_member: bool = False
    """The cases of the groups that the person is a member of."""
    asked: frozenset[str] = frozenset()
    """The cases that ask these roles to look at them."""
    held: frozenset[str] = frozenset()
    """The municipalities in which the cases of `received` and `sent` are."""
    received: frozenset[str] = frozenset()
    """The cases that were disclosed to these authorities."""
    sent: frozenset[str] = frozenset()
    """The cases that these authorities sent."""

    def __bool__(self) -> bool:
        """Whether there may be such a case at all."""
        return (
            self.is_district
            or bool(self.places)
            or self.is_named
            or self.is_member
            or bool(self.asked)
            or bool(self.held and (self.received or self.sent))
        )

    def query(self) -> dict[str, Any]:
        """The condition on a document of a case, for MongoDB; one that nothing meets without sight."""
        either = self._either()
        if either is None:
            return self._not_kept_out()
        return {"$or": either, **self._not_kept_out()} if either else {"_id": {"$in": []}}

    def _not_kept_out(self) -> dict[str, Any]:
        """The condition that no list of the case keeps the person out."""
        return {
            BARRED_IN: {"$ne": self.staff_id},
            NEED_TO_KNOW_IN: {"$in": [None, self.staff_id]},
        }

    def _either(self) -> list[dict[str, Any]] | None:
        """The conditions of which one must be met; None where all cases are."""
        if self.is_district:
            return None
        either: list[dict[str, Any]] = []
        if self.places:
            either.append({"municipality": {"$in": sorted(self.places)}})
        if self.is_named:
            either.append({NAMED_IN: self.staff_id})
        if self.is_member:
            either.append({MEMBERS_IN: self.staff_id})
        if self.asked:
            either.append({ASKED_IN: {"$in": sorted(self.asked)}})
        there = {"municipality": {"$in": sorted(self.held)}}
        if self.received:
            either.append({**there, DISCLOSED_TO_IN: {"$in": sorted(self.received)}})
        if self.sent:
            sent = {SENT_BY_IN: {"$in": sorted(self.sent)}, DISCLOSED_TO_IN: {"$ne": None}}
            either.append({**there, **sent})
        return either


def sight_of(staff: Staff, action: Action) -> Sight:
    """Return the cases that the table lets a person do an action to."""
    scope_of = {role: TABLE.get(role, {}).get(action) for role in staff.roles}
    scopes = set(scope_of.values())
    held = reach(staff.places) - {POLICE_DISTRICT}
    received = (Scope.RECIPIENT, Scope.RECIPIENT_OR_SENDER)
    return Sight(
        staff_id=staff.id,
        is_district=Scope.DISTRICT in scopes,
        places=held if Scope.PLACE in scopes else frozenset(),
        is_named=Scope.NAMED in scopes,
        is_member=Scope.GROUP in scopes,
        asked=frozenset(role for role, scope in scope_of.items() if scope is Scope.ASKED),
        held=held,
        received=_authorities(role for role, scope in scope_of.items() if scope in received),
        sent=_authorities(
            role for role, scope in scope_of.items() if scope is Scope.RECIPIENT_OR_SENDER
        ),
    )


def _authorities(roles: Iterable[str]) -> frozenset[str]:
    return frozenset(AUTHORITY_OF[role] for role in roles if role in AUTHORITY_OF)
