"""The police district: its seven municipalities and who covers them (domain.md section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

__all__ = [
    "MUNICIPALITIES",
    "POLICE_DISTRICT",
    "ZONE",
    "Municipality",
    "PatrolCentre",
    "PsychiatryRegion",
    "place_name",
]

POLICE_DISTRICT: Final = "1463"
"""Sydøstjyllands Politi in the national list of police districts (DAGI)."""
ZONE: Final = ZoneInfo("Europe/Copenhagen")
"""Days and office hours are those of the calendar here."""


class PatrolCentre(StrEnum):
    """The three patruljecentre: north lies in Horsens, mid in Vejle, south in Kolding."""

    NORTH = "north"
    """Lies in Horsens."""
    MID = "mid"
    """Lies in Vejle."""
    SOUTH = "south"
    """Lies in Kolding."""


class PsychiatryRegion(StrEnum):
    """The two regions that run psychiatry in the district."""

    MIDTJYLLAND = "midtjylland"
    """Region Midtjylland."""
    SYDDANMARK = "syddanmark"
    """Region Syddanmark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Municipality:
    """One kommune of the district."""

    code: str
    """Kommunekode: four digits."""
    name: str
    patrol_centre: PatrolCentre
    psychiatry_region: PsychiatryRegion
    has_youth_council: bool
    """Whether there is an ungesamråd: everywhere but in Hedensted."""


def _municipality(
    code: str,
    name: str,
    centre: PatrolCentre,
    region: PsychiatryRegion,
    *,
    has_youth_council: bool = True,
) -> Municipality:
    return Municipality(
        code=code,
        name=name,
        patrol_centre=centre,
        psychiatry_region=region,
        has_youth_council=has_youth_council,
    )


MUNICIPALITIES: Final = MappingProxyType(
    {
        place.code: place
        for place in (
            _municipality("0530", "Billund", PatrolCentre.MID, PsychiatryRegion.SYDDANMARK),
            _municipality("0607", "Fredericia", PatrolCentre.SOUTH, PsychiatryRegion.SYDDANMARK),
            _municipality("0615", "Horsens", PatrolCentre.NORTH, PsychiatryRegion.MIDTJYLLAND),
            _municipality("0621", "Kolding", PatrolCentre.SOUTH, PsychiatryRegion.SYDDANMARK),
            _municipality("0630", "Vejle", PatrolCentre.MID, PsychiatryRegion.SYDDANMARK),
            _municipality("0746", "Skanderborg", PatrolCentre.NORTH, PsychiatryRegion.MIDTJYLLAND),
            _municipality(
                "0766",
                "Hedensted",
                PatrolCentre.NORTH,
                PsychiatryRegion.MIDTJYLLAND,
                has_youth_council=False,
            ),
        )
    }
)
"""By kommunekode."""


def place_name(code: str) -> str:
    """What people call a municipality; one that is not of the district (yet) goes by its code."""
    place = MUNICIPALITIES.get(code)
    return code if place is None else place.name
