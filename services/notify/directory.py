"""The staff directory: the roles and places of staff, as stored.

The login identifies a person; the directory has the person's current rights while a stream is open,
and the people whom the demo's login page offers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml
from pymongo import ReplaceOne

from shared.contracts.places import MUNICIPALITIES
from shared.staff.access import Staff
from shared.web import N_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pymongo.asynchronous.database import AsyncDatabase

__all__ = ["STAFF", "Directory", "read_staff"]

STAFF: Final = "staff"

WORDS: Final = (
    N_("Sekretariatet, henvendelser"),
    N_("Sorterer henvendelser"),
    N_("Sekretariatet, leder"),
    N_("Ser tal og det, der haster"),
    N_("Konfliktråd, koordinator"),
    N_("Ser alle sager og fordeler dem"),
    N_("Konfliktråd, mægler"),
    N_("Ser kun sine egne sager"),
    N_("PSP, politi"),
    N_("Svarer på, hvad der må deles"),
    N_("PSP, psykiatri"),
    N_("Beder om og modtager"),
    N_("PSP, kommune"),
    N_("Er ansvarlig for borgeren"),
    N_("Databeskyttelse"),
    N_("Ser, hvem der så hvad"),
    N_("Indsigt og sletning"),
    N_("Behandler borgeres anmodninger"),
    N_("Patruljecenter Nord, leder"),
    N_("Patruljecenter Midt, leder"),
    N_("Patruljecenter Syd, leder"),
    N_("Fordeler det, centret skal gøre"),
    N_("Vagtchef"),
    N_("Tager over uden for kontortid"),
    N_("Politiadvokat"),
    N_("Godkender sager, hvor der er tilhold"),
    N_("Drift"),
    N_("Får standsede sager i gang"),
)
"""Titles and duties of the synthetic staff (`SAMRAAD_DEMO_STAFF_FILE`), for the catalogue."""
_FIELDS: Final = ("id", "name", "title", "does", "roles", "places")


def read_staff(file: Path) -> list[dict[str, Any]]:
    """Read a demo's staff; raises ValueError where the file is no list of them."""
    try:
        people: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["staff"]
        complete = all(one.keys() >= set(_FIELDS) for one in people)
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("the file holds no list of staff") from error
    if not complete:
        raise ValueError(f"each of the staff has {', '.join(_FIELDS)}")
    return people


class Directory:
    """The staff as stored."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._staff = database[STAFF]

    async def take_in_synthetic(self, file: Path) -> None:
        """Write the demo's staff; a repetition changes nothing."""
        writes = [
            ReplaceOne({"_id": one["id"]}, _document(one, place), upsert=True)
            for place, one in enumerate(read_staff(file))
        ]
        await self._staff.bulk_write(writes, ordered=False)

    async def everyone(self) -> Sequence[Mapping[str, Any]]:
        """Return all staff as the login page shows them."""
        return [_shown(one) for one in await self._staff.find().sort("order", 1).to_list()]

    async def rights_of(self, staff: Staff) -> Staff:
        """Return the person with the roles and places that the directory gives them now.

        A person who is not in the directory keeps the rights of the login.
        """
        known = await self._staff.find_one({"_id": staff.id})
        if known is None:
            return staff
        return Staff(
            id=staff.id,
            name=staff.name,
            title=staff.title,
            roles=tuple(known["roles"]),
            places=tuple(known["places"]),
        )


def _document(one: Mapping[str, Any], order: int) -> dict[str, Any]:
    return {
        "_id": one["id"],
        **{name: one[name] for name in _FIELDS if name != "id"},
        "first": bool(one.get("first")),
        "order": order,
    }


def _shown(one: Mapping[str, Any]) -> dict[str, Any]:
    given, family = one["name"].split(" ", 1)
    places = [MUNICIPALITIES[place].name for place in one["places"] if place in MUNICIPALITIES]
    regions = [
        place.capitalize() for place in one["places"] if place in ("midtjylland", "syddanmark")
    ]
    return {
        **one,
        "id": one["_id"],
        "initials": given[0] + family[0],
        "where": ", ".join([*places, *regions]),
    }
