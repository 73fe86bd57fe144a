"""Which cases a person may do an action to: the query form of `may`, for lists and menus. Pure.

`may` judges one case; a list must not load a case before it is judged. Both read the same table, and
`tests/domain/test_sight.py` compares them for every role, action, place and naming.
"""

from dataclasses import dataclass
from typing import Any, Final

from shared.contracts.places import POLICE_DISTRICT
from shared.staff.access import TABLE, Action, Scope, Staff, reach

__all__ = ["NAMED_IN", "Sight", "sight_of"]

NAMED_IN: Final = "named"
"""The field of a case's document with the ids of the staff whom the case names."""


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

    def __bool__(self) -> bool:
        """Whether there may be such a case at all."""
        return self.is_district or bool(self.places) or self.is_named

    def query(self) -> dict[str, Any]:
        """The condition on a document of a case, for MongoDB; one that nothing meets without sight."""
        if self.is_district:
            return {}
        either: list[dict[str, Any]] = []
        if self.places:
            either.append({"municipality": {"$in": sorted(self.places)}})
        if self.is_named:
            either.append({NAMED_IN: self.staff_id})
        return {"$or": either} if either else {"_id": {"$in": []}}


def sight_of(staff: Staff, action: Action) -> Sight:
    """Return the cases that the table lets a person do an action to."""
    scopes = {TABLE.get(role, {}).get(action) for role in staff.roles}
    places = reach(staff.places) - {POLICE_DISTRICT} if Scope.PLACE in scopes else frozenset()
    return Sight(
        staff_id=staff.id,
        is_district=Scope.DISTRICT in scopes,
        places=places,
        is_named=Scope.NAMED in scopes,
    )
