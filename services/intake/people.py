"""The rules for what staff learn about the people of a case: who joins, custody, protection. Pure.

The gates are those of a report (`shared.contracts.rules`): a birth lies in the past, nobody holds
custody of themselves, a category that accuses comes from a report alone. A desk says `victim` of
somebody harmed and `other` of everybody else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from services.intake.ages import ADULT, youngest
from shared.contracts.intake import Party, PartyChanged, PartyFact, PartyJoined
from shared.contracts.people import Person, age_band
from shared.contracts.processes import Category, Custody, PartnerKind, PersonRole, Process
from shared.contracts.rules import Known, Sender, people_faults
from shared.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from shared.contracts.receipts import FieldError

__all__ = [
    "ROLES_BESIDE",
    "AlreadyThere",
    "CasePeople",
    "CustodyRefused",
    "CustodyRow",
    "NewParty",
    "PeopleDecision",
    "add",
    "correct",
    "end_custody",
    "gate",
    "give_custody",
]

ROLES_BESIDE: Final[Mapping[Process, Mapping[str, tuple[PersonRole, ...]]]] = MappingProxyType(
    {
        Process.MEDIATION: MappingProxyType(
            {
                "harmed": (PersonRole.GUARDIAN, PersonRole.HARMED),
                "responsible": (PersonRole.GUARDIAN, PersonRole.RESPONSIBLE),
            }
        ),
        Process.PSP: MappingProxyType(
            {"subject": (PersonRole.GUARDIAN, PersonRole.CHILD, PersonRole.OTHER)}
        ),
    }
)
"""The roles in which a person may be added, by process and side. A supporter belongs to a side that a
party cannot name yet, so nobody adds one here."""


class AlreadyThere(Rejected):
    """The person is a party of the case in that role."""


class CustodyRefused(Rejected):
    """Custody cannot be recorded like that. `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(f"custody cannot be recorded: {code}")
        self.code = code


class CustodyRow(NamedTuple):
    """Custody as staff recorded it: of whom, by whom, how, from and to which Danish day."""

    child: UUID
    holder: UUID
    custody: Custody
    since: date
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePeople:
    """What a case knows of its people: pseudonyms, and custody that staff recorded."""

    case_id: UUID
    process: Process
    occurred_at: datetime
    parties: tuple[Party, ...]
    custody: tuple[CustodyRow, ...] = ()

    def entries(self, party_id: UUID) -> tuple[Party, ...]:
        """Return the entries of one person: one for each role."""
        return tuple(party for party in self.parties if party.party_id == party_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewParty:
    """Somebody to be added, as far as the case may know them."""

    party_id: UUID
    role: PersonRole
    births: tuple[date, ...]
    address_protected: bool
    child: UUID | None = None
    """Of whom a guardian holds custody."""
    custody: Custody | None = None


class PeopleDecision(NamedTuple):
    """The case's people after an act, and the facts to emit."""

    people: CasePeople
    facts: tuple[PartyFact, ...]


def gate(person: Person, case: CasePeople, now: datetime) -> tuple[FieldError, ...]:
    """Return what the gates of a report find wrong with somebody whom staff add."""
    known = Known(
        raw={},
        process=case.process,
        process_is_known=True,
        occurred_at=case.occurred_at,
        people=((0, person),),
        labels=frozenset({person.label}),
        disclosure=None,
    )
    # No category that accuses comes from a desk: a school could not state one either.
    sender = Sender(partner="", kind=PartnerKind.SCHOOL, reference="", now=now)
    return tuple(people_faults(known, sender))


def add(case: CasePeople, new: NewParty, now: datetime, today: date) -> PeopleDecision:
    """Add a person to a case; a guardian with the custody that they hold.

    Raises:
        AlreadyThere: they are a party in that role.
        CustodyRefused: see `give_custody`.

    """
    if any(entry.role == new.role for entry in case.entries(new.party_id)):
        raise AlreadyThere("the person is a party of the case in that role")
    if (new.role is PersonRole.GUARDIAN) != (new.child is not None):
        raise CustodyRefused("no_child")
    age = youngest(new.births, now)
    party = Party(
        party_id=new.party_id,
        role=new.role,
        category=Category.VICTIM if new.role is PersonRole.HARMED else Category.OTHER,
        minor=None if age is None else age < ADULT,
        age_band=age_band(age),
        address_protected=new.address_protected,
    )
    joined = replace(case, parties=(*case.parties, party))
    fact = PartyJoined(case_id=case.case_id, process=case.process, party=party)
    if new.child is None:
        return PeopleDecision(joined, (fact,))
    after, facts = give_custody(
        joined, new.child, new.party_id, new.custody or Custody.JOINT, today
    )
    return PeopleDecision(after, (fact, *facts))


def correct(
    case: CasePeople, party_id: UUID, births: Sequence[date], now: datetime, *, protected: bool
) -> PeopleDecision:
    """Tell that something about a person was corrected, without saying what.

    The age follows the corrected births, and nobody holds custody of a grown person. A protected
    address stays protected.
    """
    age = youngest(births, now)
    is_grown = age is not None and age >= ADULT
    changed = tuple(
        entry.model_copy(
            update={
                "minor": None if age is None else age < ADULT,
                "age_band": age_band(age),
                "address_protected": entry.address_protected or protected,
                "custody_holders": () if is_grown else entry.custody_holders,
            }
        )
        for entry in case.entries(party_id)
    )
    return _changed(case, changed)


def give_custody(
    case: CasePeople, child: UUID, holder: UUID, custody: Custody, today: date
) -> PeopleDecision:
    """Record that somebody holds custody of a child of the case.

    Raises:
        CustodyRefused: one of them is no party, both are the same, the child is grown, the child
            holds custody of the holder, it is recorded already, or another holds custody where it is
            said to be held alone.

    """
    young = case.entries(child)
    if not young or not case.entries(holder):
        raise CustodyRefused("no_party")
    holders = young[0].custody_holders
    if child == holder:
        raise CustodyRefused("own_custody")
    if young[0].minor is False:
        raise CustodyRefused("grown")
    if any(child in entry.custody_holders for entry in case.entries(holder)):
        raise CustodyRefused("circle")
    if holder in holders:
        raise CustodyRefused("recorded")
    if holders and custody is Custody.SOLE:
        raise CustodyRefused("held_by_another")
    row = CustodyRow(child, holder, custody, today)
    held = tuple(
        entry.model_copy(update={"custody_holders": (*entry.custody_holders, holder)})
        for entry in young
    )
    return _changed(replace(case, custody=(*case.custody, row)), held)


def end_custody(case: CasePeople, child: UUID, holder: UUID, today: date) -> PeopleDecision:
    """Record that somebody does not hold custody of a child any more.

    Raises:
        CustodyRefused: they hold none.

    """
    young = case.entries(child)
    if not young or holder not in young[0].custody_holders:
        raise CustodyRefused("not_held")
    rows = tuple(
        row._replace(until=today)
        if (row.child, row.holder, row.until) == (child, holder, None)
        else row
        for row in case.custody
    )
    freed = tuple(
        entry.model_copy(
            update={"custody_holders": tuple(one for one in entry.custody_holders if one != holder)}
        )
        for entry in young
    )
    return _changed(replace(case, custody=rows), freed)


def _changed(case: CasePeople, entries: Iterable[Party]) -> PeopleDecision:
    after = {(entry.party_id, entry.role): entry for entry in entries}
    parties = tuple(after.get((one.party_id, one.role), one) for one in case.parties)
    facts = tuple(
        PartyChanged(case_id=case.case_id, process=case.process, party=entry)
        for entry in after.values()
    )
    return PeopleDecision(replace(case, parties=parties), facts)
