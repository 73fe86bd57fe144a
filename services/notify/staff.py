"""The members of staff as the directory has them, and the facts about them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

from shared.contracts.notify import StaffChanged
from shared.contracts.places import MUNICIPALITIES, POLICE_DISTRICT, PsychiatryRegion
from shared.errors import Rejected
from shared.staff.access import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["AUTHORITIES", "Change", "Member", "change", "staff_changed"]

AUTHORITIES: Final = ("police", "municipality", "psychiatry", "prosecution")
"""The authorities whose members work here."""
_PLACES: Final = frozenset({POLICE_DISTRICT, *MUNICIPALITIES, *map(str, PsychiatryRegion)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of staff, in the directory."""

    id: str
    name: str
    title: str
    roles: tuple[str, ...]
    places: tuple[str, ...]
    authority: str
    active: bool = True

    @classmethod
    def stored(cls, document: Mapping[str, Any]) -> Self:
        """Read a member back."""
        return cls(
            id=document["_id"],
            name=document["name"],
            title=document["title"],
            roles=tuple(document["roles"]),
            places=tuple(document["places"]),
            authority=document["authority"],
            active=document["active"],
        )

    def as_document(self) -> dict[str, Any]:
        """Return the member as stored."""
        return {
            "_id": self.id,
            "name": self.name,
            "title": self.title,
            "roles": list(self.roles),
            "places": list(self.places),
            "authority": self.authority,
            "active": self.active,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an operator changes of a member; None leaves it as it is."""

    name: str | None = None
    title: str | None = None
    roles: tuple[str, ...] | None = None
    places: tuple[str, ...] | None = None
    authority: str | None = None
    active: bool | None = None


def change(known: Member | None, staff_id: str, wanted: Change) -> Member:
    """Return a member after a change, or a new one.

    Raises:
        Rejected: a new member lacks a name or an authority, or a code is not known.

    """
    if wanted.active is False and known is None:
        raise Rejected("nobody has this id")
    if known is None:
        if not wanted.name or not wanted.authority:
            raise Rejected("a new member of staff needs a name and an authority")
        known = Member(id=staff_id, name="", title="", roles=(), places=(), authority="")
    given = {
        name: value
        for name in ("name", "title", "roles", "places", "authority", "active")
        if (value := getattr(wanted, name)) is not None
    }
    _check("role", wanted.roles or (), set(Role))
    _check("place", wanted.places or (), _PLACES)
    _check("authority", [] if wanted.authority is None else [wanted.authority], AUTHORITIES)
    return replace(known, **given)


def _check(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise Rejected(
            f"no {what} is called {', '.join(unknown)}; there are {', '.join(sorted(known))}"
        )


def staff_changed(member: Member) -> StaffChanged:
    """Return the fact that says all of a member."""
    return StaffChanged(
        staff_id=member.id,
        display_name=member.name,
        title=member.title,
        roles=member.roles,
        places=member.places,
        authority=member.authority,
        active=member.active,
    )
