"""What staff type into the forms of a showing, read by the same rules as a report. Pure.

What was typed holds names, so it is kept nowhere but sealed; a fault names its field alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from pydantic import ValidationError

from services.intake.personal_data import Channel, PersonalData, SafeWay
from shared.contracts.faults import faults_of
from shared.contracts.people import Person
from shared.contracts.processes import Category, Custody, PersonRole

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Faults",
    "Typed",
    "TypedPerson",
    "as_statement",
    "corrections",
    "read_custody",
    "read_person",
    "read_safe_way",
]

Typed = Mapping[str, str]
"""The fields of a form as they were sent."""
Faults = tuple[str, ...]
"""The names of the fields that are wrong."""

PERSON_FIELDS: Final = (
    "given",
    "family",
    "cpr",
    "birth_date",
    "phone",
    "email",
    "street",
    "postal_code",
    "city",
)
_FIELD_OF: Final[Mapping[str, str]] = MappingProxyType(
    {"name/given": "given", "name/family": "family", "name": "given", "": "given"}
    | {f"address/{part}": part for part in ("street", "postal_code", "city")}
)
_DANISH_DIGITS: Final = 8
_LAST_HOUR: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedPerson:
    """A person as staff typed them, in order."""

    person: Person = field(repr=False)
    child: UUID | None = None
    custody: Custody | None = None


def read_person(typed: Typed, roles: Iterable[PersonRole]) -> tuple[TypedPerson | None, Faults]:
    """Return the person of a form, or the fields that are wrong."""
    faults = []
    role = next((one for one in roles if one == typed.get("role")), None)
    if role is None:
        faults.append("role")
    child, custody = None, None
    if role is PersonRole.GUARDIAN:
        child = _uuid(typed.get("child"))
        custody = _custody(typed.get("custody"))
        faults += [name for name, each in (("child", child), ("custody", custody)) if not each]
    person, wrong = _person(typed, role or PersonRole.OTHER)
    if person is None or faults:
        return None, tuple(dict.fromkeys((*faults, *wrong)))
    return TypedPerson(person=person, child=child, custody=custody), ()


def corrections(typed: Typed, known: PersonalData) -> tuple[Mapping[str, Any] | None, Faults]:
    """Return what a form changes of what is known, as a statement; {} if it changes nothing.

    A protected address is not shown in the form, so an empty one leaves it as it is.
    """
    person, faults = _person(typed, PersonRole.OTHER)
    if person is None:
        return None, faults
    said = as_statement(person)
    changes: dict[str, Any] = {}
    if (known.given, known.family) != (_of(said, "name", "given"), _of(said, "name", "family")):
        changes["name"] = {part: _of(said, "name", part) for part in ("given", "family")}
    for key in ("phone", "email"):
        if getattr(known, key) != said.get(key, ""):
            changes[key] = said.get(key, "")
    if person.birth_date is not None and known.births != (person.birth_date,):
        changes["birth_date"] = person.birth_date.isoformat()
    parts = ("street", "postal_code", "city")
    address = {part: _of(said, "address", part) for part in parts}
    is_hidden = known.address_protected and not any(address.values())
    if not is_hidden and any(getattr(known, part) != address[part] for part in parts):
        changes["address"] = address
    if typed.get("protected") == "yes" and not known.address_protected:
        changes["address_protected"] = True
    return changes, ()


def as_statement(person: Person) -> dict[str, Any]:
    """Return a person as a statement about them, without what belongs to the case."""
    said = person.model_dump(mode="json", exclude_none=True)
    for name in ("label", "role", "category", "custody_of", "custody"):
        said.pop(name, None)
    return said


def read_safe_way(typed: Typed) -> tuple[SafeWay | None, Faults]:
    """Return the safe way of a form, or the fields that are wrong."""
    channel = next((one for one in Channel if one == typed.get("channel")), None)
    hours = [_hour(typed.get(name)) for name in ("from_hour", "to_hour")]
    faults = ["channel"] if channel is None else []
    one_alone = (typed.get("from_hour", "") == "") != (typed.get("to_hour", "") == "")
    start, end = hours
    if -1 in hours or one_alone or (start is not None and end is not None and start >= end):
        faults.append("from_hour")
    if channel is None or faults:
        return None, tuple(faults)
    may_leave = typed.get("may_leave_message") == "yes"
    way = SafeWay(channel=channel, from_hour=start, to_hour=end, may_leave_message=may_leave)
    return way, ()


def read_custody(typed: Typed) -> tuple[tuple[UUID, Custody] | None, Faults]:
    """Return who holds custody and how, or the fields that are wrong."""
    holder, custody = _uuid(typed.get("holder")), _custody(typed.get("custody"))
    if holder is None or custody is None:
        pairs = (("holder", holder), ("custody", custody))
        return None, tuple(name for name, each in pairs if each is None)
    return (holder, custody), ()


def _person(typed: Typed, role: PersonRole) -> tuple[Person | None, Faults]:
    given = {name: typed.get(name, "").strip() for name in PERSON_FIELDS}
    content: dict[str, Any] = {
        "label": "a",
        "role": role,
        "category": Category.VICTIM if role is PersonRole.HARMED else Category.OTHER,
        "name": {part: given[part] for part in ("given", "family") if given[part]},
        "cpr": given["cpr"],
        "birth_date": given["birth_date"],
        "phone": _phone(given["phone"]),
        "email": given["email"],
        "address": {part: given[part] for part in ("street", "postal_code", "city") if given[part]},
        "address_protected": typed.get("protected") == "yes",
    }
    try:
        return Person.model_validate({name: one for name, one in content.items() if one != ""}), ()
    except ValidationError as error:
        places = (fault.field.strip("/") for fault in faults_of(error))
        return None, tuple(dict.fromkeys(_FIELD_OF.get(place, place) for place in places))


def _phone(typed: str) -> str:
    """Read a number as people write it: eight digits are Danish."""
    digits = "".join(typed.split()).replace("-", "")
    if len(digits) == _DANISH_DIGITS and digits.isascii() and digits.isdigit():
        return f"+45{digits}"
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _custody(text: str | None) -> Custody | None:
    return next((one for one in Custody if one == text), None)


def _hour(text: str | None) -> int | None:
    """Return an hour of the day; None if none was typed, -1 if it is none."""
    if not text:
        return None
    is_hour = text.isascii() and text.isdigit() and int(text[:3]) <= _LAST_HOUR
    return int(text) if is_hour and len(text) <= len(str(_LAST_HOUR)) else -1


def _of(said: Mapping[str, Any], part: str, name: str) -> str:
    return str((said.get(part) or {}).get(name) or "")
