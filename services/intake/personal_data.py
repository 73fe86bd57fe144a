"""What is known about a person, read from all statements about them, oldest first. Pure.

A statement is what one report said, or what one member of staff corrected. A later statement counts
for each field that it has. Births are kept apart: where two differ, the younger age counts, until
staff correct the birth date. A correction takes the place of all births before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from services.intake.ages import stated_births
from shared.contracts.cpr import digits_of
from shared.contracts.fields import read_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Channel", "PersonalData", "SafeWay", "Said", "fold"]


class Channel(StrEnum):
    """How somebody may be reached."""

    PHONE = "phone"
    SMS = "sms"
    EMAIL = "email"
    LETTER = "letter"
    IN_PERSON = "in_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeWay:
    """The safe way to reach somebody. No message may be left unless that was said."""

    channel: Channel
    from_hour: int | None = None
    to_hour: int | None = None
    may_leave_message: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """What is known about one person. It never prints what it holds."""

    given: str = field(default="", repr=False)
    family: str = field(default="", repr=False)
    births: tuple[date, ...] = field(default=(), repr=False)
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    street: str = field(default="", repr=False)
    postal_code: str = field(default="", repr=False)
    city: str = field(default="", repr=False)
    address_protected: bool = False
    safe_way: SafeWay | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The whole name; empty if none is known."""
        return " ".join(part for part in (self.given.strip(), self.family.strip()) if part)


class Said(NamedTuple):
    """One statement: its content as it was sent, and whether staff made it.

    A partner's letter may hold any unknown field, so who spoke is never read from the content.
    """

    content: Mapping[str, Any]
    by_staff: bool


def fold(statements: Iterable[Said]) -> PersonalData:
    """Return what the statements say together."""
    known = PersonalData()
    for said in statements:
        known = _after(known, said.content, by_staff=said.by_staff)
    return known


def _after(known: PersonalData, said: Mapping[str, Any], *, by_staff: bool) -> PersonalData:
    name, address = _part(said, "name"), _part(said, "address")
    births = stated_births(read_day(_text(said, "birth_date")), digits_of(_text(said, "cpr")))
    changes: dict[str, Any] = {
        **({"given": _text(name, "given"), "family": _text(name, "family")} if name else {}),
        **{key: _text(said, key) for key in ("phone", "email") if said.get(key) is not None},
        **(
            {key: _text(address, key) for key in ("street", "postal_code", "city")}
            if address
            else {}
        ),
    }
    if births:
        changes["births"] = births if by_staff else _both(known.births, births)
    if said.get("address_protected") is True:
        changes["address_protected"] = True
    way = _part(said, "safe_way") if by_staff else None
    if way is not None:
        changes["safe_way"] = SafeWay(
            channel=Channel(way["channel"]),
            from_hour=way["from_hour"],
            to_hour=way["to_hour"],
            may_leave_message=way["may_leave_message"],
        )
    return replace(known, **changes)


def _both(before: tuple[date, ...], now: tuple[date, ...]) -> tuple[date, ...]:
    return tuple(dict.fromkeys((*before, *now)))


def _part(said: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    part = said.get(key)
    return part if isinstance(part, dict) and part else None


def _text(said: Mapping[str, Any] | None, key: str) -> str:
    value = (said or {}).get(key)
    return value if isinstance(value, str) else ""
