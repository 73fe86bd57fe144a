"""How old a person is on a Danish day, by all that was stated about the birth. Pure.

Where the CPR number and the birth date contradict each other, the younger age counts: a guardian who
is asked without need does less harm than a child without one. An unknown age stays unknown; where age
protects, it counts as a minor's (design.md section 4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.contracts.cpr import birth_date_of
from shared.contracts.people import age_on
from shared.contracts.places import ZONE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from shared.contracts.people import Person

__all__ = ["ADULT", "births_of", "is_minor", "minor_at", "stated_births", "youngest"]

ADULT: Final = 18
"""Years (forældreansvarslov § 1, værgemålslov § 1)."""


def births_of(person: Person) -> tuple[date, ...]:
    """Return the days of birth that are stated about a person: one, two that differ, or none."""
    return stated_births(person.birth_date, person.cpr)


def stated_births(birth_date: date | None, cpr: str | None) -> tuple[date, ...]:
    """Return the days of birth that a birth date and a CPR number state."""
    by_number = None if cpr is None else birth_date_of(cpr)
    return tuple(dict.fromkeys(day for day in (birth_date, by_number) if day is not None))


def youngest(births: Iterable[date], at: datetime) -> int | None:
    """Return the age in whole years on the Danish day of `at`; None if no birth is known."""
    ages = [age_on(day, at.astimezone(ZONE)) for day in births]
    return min(ages) if ages else None


def minor_at(births: Iterable[date], at: datetime) -> bool | None:
    """Return whether somebody is under 18 on the Danish day of `at`; None if no birth is known."""
    age = youngest(births, at)
    return None if age is None else age < ADULT


def is_minor(person: Person, received_at: datetime) -> bool | None:
    """Return whether a person is under 18 on the Danish day of receipt; None if no age is known."""
    return minor_at(births_of(person), received_at)
