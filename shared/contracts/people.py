"""People in a report, as a partner describes them. Only intake's vault keeps these data."""

from datetime import date, datetime
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from shared.contracts.cpr import Cpr, birth_date_of
from shared.contracts.fields import (
    Day,
    Email,
    Label,
    Line,
    Phone,
    Sealed,
    refusal,
)
from shared.contracts.processes import AgeBand, Category, Custody, PersonRole
from shared.contracts.receipts import Rule

__all__ = ["MAX_PEOPLE", "Address", "Name", "Person", "age_band", "age_on"]

MAX_PEOPLE = 100
"""In one report."""

_BANDS: Final = (
    (15, AgeBand.UNDER_15),
    (18, AgeBand.FROM_15_TO_17),
    (25, AgeBand.FROM_18_TO_24),
)
"""The age in years that each band ends before."""

_CODE = Field(strict=False)
"""A code arrives as a string, also where everything else is read strictly."""


class Name(Sealed):
    """What a person is called. One half is enough."""

    given: Line | None = None
    family: Line | None = None

    @property
    def is_present(self) -> bool:
        """Whether there is anything to call the person by."""
        return bool((self.given or "").strip() or (self.family or "").strip())


class Address(Sealed):
    """Where a person lives."""

    street: Line | None = None
    postal_code: Line | None = None
    city: Line | None = None


class Person(Sealed):
    """One person of a report: a name or a CPR number, and what else is known."""

    label: Label
    """How the report itself refers to the person; unique within it."""
    role: Annotated[PersonRole, _CODE]
    category: Annotated[Category, _CODE]
    name: Name | None = None
    cpr: Cpr | None = None
    birth_date: Day | None = None
    address: Address | None = None
    phone: Phone | None = None
    email: Email | None = None
    address_protected: bool = False
    """The address must not become known: it is shown to nobody without need."""
    custody_of: Annotated[tuple[Label, ...], Field(strict=False, max_length=MAX_PEOPLE)] = ()
    """The labels of those whom this person holds custody of."""
    custody: Annotated[Custody, _CODE] | None = None

    @model_validator(mode="after")
    def _can_be_identified(self) -> Self:
        if self.cpr is None and (self.name is None or not self.name.is_present):
            raise refusal(Rule.NAME_OR_CPR_MISSING, "A person needs a name or a CPR number.")
        return self

    @property
    def born(self) -> date | None:
        """The stated day of birth, else the one in the CPR number."""
        if self.birth_date is not None or self.cpr is None:
            return self.birth_date
        return birth_date_of(self.cpr)

    @property
    def cpr_contradicts_birth_date(self) -> bool:
        """Whether the number and the stated day of birth cannot both be right."""
        if self.cpr is None or self.birth_date is None:
            return False
        return birth_date_of(self.cpr) != self.birth_date


def age_on(born: date, moment: datetime) -> int:
    """Whole years lived on the day of `moment`, by its own offset; below 0 before birth."""
    day = moment.date()
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def age_band(age: int | None) -> AgeBand:
    """Return the band of an age in years; None is an age that nobody knows."""
    if age is None:
        return AgeBand.UNKNOWN
    return next((band for before, band in _BANDS if age < before), AgeBand.FROM_25)
