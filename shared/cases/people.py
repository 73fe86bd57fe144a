"""How a case follows what intake tells about its people. Pure.

Each fact that changes what people see raises the revision and leaves a line in the history. The line
has the role of the party, and no more than the page shows anyway.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from shared.cases.history import ActedOn, HistoryLine
from shared.contracts.intake import (
    Party,
    PartyCameOfAge,
    PartyChanged,
    PartyErased,
    PartyFact,
    PartyJoined,
    PartyLeft,
)
from shared.contracts.processes import AgeBand

__all__ = ["PEOPLE_FACTS", "HasParties", "follow"]

_MINOR_BANDS: Final = (AgeBand.UNDER_15, AgeBand.FROM_15_TO_17, AgeBand.UNKNOWN)


PEOPLE_FACTS: Final[tuple[type[PartyFact], ...]] = (
    PartyJoined,
    PartyLeft,
    PartyChanged,
    PartyCameOfAge,
    PartyErased,
)
"""All facts about the people of a case."""


class HasParties(ActedOn):
    """What the state of a case must have so that it can follow its people."""

    __slots__ = ()

    parties: tuple[Party, ...]


C = TypeVar("C", bound=HasParties)


def follow(case: C, fact: PartyFact, now: datetime) -> C:
    """Return the case after a fact about its people; the same case if nothing in it changes."""
    parties, about = _after(case.parties, fact)
    if parties == case.parties:
        return case
    line = HistoryLine(
        revision=case.revision + 1,
        at=now,
        by="",
        name="",
        act=fact.type,
        content={"role": str(about.role)} if about else {},
    )
    return replace(case, parties=parties).with_line(line)


def _after(parties: tuple[Party, ...], fact: PartyFact) -> tuple[tuple[Party, ...], Party | None]:
    """Return the parties after a fact, and the one that it is about."""
    match fact:
        case PartyJoined(party=party):
            kept = tuple(one for one in parties if not _same(one, party))
            return (
                _replaced(parties, party) if len(kept) < len(parties) else (*kept, party)
            ), party
        case PartyChanged(party=party):
            return _replaced(parties, party), party
        case PartyCameOfAge(party_id=party_id):
            return tuple(_of_age(one, party_id) for one in parties), _find(parties, party_id)
        case PartyLeft(party_id=gone) | PartyErased(party_id=gone):
            left = (one for one in parties if one.party_id != gone)
            return tuple(_without(one, gone) for one in left), _find(parties, gone)
        case _:
            return parties, None


def _same(one: Party, other: Party) -> bool:
    return (one.party_id, one.role) == (other.party_id, other.role)


def _replaced(parties: Iterable[Party], party: Party) -> tuple[Party, ...]:
    return tuple(party if _same(one, party) else one for one in parties)


def _find(parties: Iterable[Party], party_id: UUID) -> Party | None:
    return next((one for one in parties if one.party_id == party_id), None)


def _of_age(party: Party, party_id: UUID) -> Party:
    """A grown party: nobody holds custody of them any more."""
    if party.party_id != party_id:
        return party
    is_band_old = party.age_band is None or party.age_band in _MINOR_BANDS
    band = AgeBand.FROM_18_TO_24 if is_band_old else party.age_band
    return party.model_copy(update={"minor": False, "custody_holders": (), "age_band": band})


def _without(party: Party, holder: UUID) -> Party:
    if holder not in party.custody_holders:
        return party
    kept = tuple(one for one in party.custody_holders if one != holder)
    return party.model_copy(update={"custody_holders": kept})
