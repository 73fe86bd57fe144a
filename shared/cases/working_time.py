"""Lengths of deadlines: choices of this system, none of them law (docs/rules.md, "Deadlines").

Working days are counted in Europe/Copenhagen and skip Danish public holidays (domain.md section
11). Such a deadline is the end of office hours on its day.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Annotated, Final, Self

import holidays
from pydantic import BeforeValidator, TypeAdapter, ValidationError
from pydantic_settings import NoDecode

from shared.contracts.places import ZONE

__all__ = [
    "ACKNOWLEDGE_WITHIN",
    "CONTACT_PARTIES_WITHIN",
    "JUDGE_NECESSITY_WITHIN",
    "TRIAGE_WITHIN",
    "Length",
    "LengthSetting",
    "end_of_office",
    "is_office_time",
    "working_days_after",
]

_START_OF_OFFICE: Final = time(8, 0)
_END_OF_OFFICE: Final = time(16, 0)
_SATURDAY: Final = 5
_WORKING_DAYS: Final = re.compile(r"([1-9]\d{0,2}) working days?")
_LONGEST: Final = timedelta(days=3 * 366)


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """A length of time: so many working days, or a span on the clock."""

    working_days: int = 0
    span: timedelta = timedelta(0)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read `5 working days`, or a span in ISO 8601: `PT24H`.

        Raises:
            ValueError: it is neither, or not between a second and three years.

        """
        if days := _WORKING_DAYS.fullmatch(text.strip()):
            return cls(working_days=int(days[1]))
        span = timedelta(0)
        if text.strip().startswith("P"):
            with suppress(ValidationError):
                span = _SPAN.validate_strings(text.strip())
        if not timedelta(seconds=1) <= span <= _LONGEST:
            raise ValueError("must be like `5 working days`, or a span like PT24H")
        return cls(span=span)

    def after(self, moment: datetime) -> datetime:
        """Return when it has passed, counted from `moment`."""
        if self.working_days:
            return working_days_after(moment, self.working_days)
        return moment + self.span


_SPAN: Final = TypeAdapter(timedelta)


def _length(given: object) -> object:
    return Length.read(given) if isinstance(given, str) else given


LengthSetting = Annotated[Length, NoDecode, BeforeValidator(_length)]
"""A length in a setting; see `Length.read`."""

TRIAGE_WITHIN: Final = Length(span=timedelta(hours=24))
"""How long a report may wait for the secretariat's decision."""
CONTACT_PARTIES_WITHIN: Final = Length(working_days=5)
"""How soon the parties of a mediation must have been contacted (domain.md section 5)."""
JUDGE_NECESSITY_WITHIN: Final = Length(working_days=5)
"""How soon it must have been judged whether a case is one for the PSP co-operation."""
ACKNOWLEDGE_WITHIN: Final = Length(working_days=1)
"""How soon somebody must have acknowledged a notice before it is recalled to all it is for."""


def working_days_after(moment: datetime, days: int) -> datetime:
    """Return 16:00 in Copenhagen on the `days`-th working day after the day of `moment`."""
    day = moment.astimezone(ZONE).date()
    while days:
        day += timedelta(days=1)
        days -= _is_working_day(day)
    return datetime.combine(day, _END_OF_OFFICE, ZONE)


def is_office_time(moment: datetime) -> bool:
    """Whether it is between 8:00 and 16:00 in Copenhagen, on a working day."""
    here = moment.astimezone(ZONE)
    return _is_working_day(here.date()) and _START_OF_OFFICE <= here.time() < _END_OF_OFFICE


def end_of_office(moment: datetime) -> datetime:
    """Return 16:00 in Copenhagen on the day of `moment`."""
    return datetime.combine(moment.astimezone(ZONE).date(), _END_OF_OFFICE, ZONE)


def _is_working_day(day: date) -> bool:
    return day.weekday() < _SATURDAY and day not in _public_holidays()


@cache
def _public_holidays() -> holidays.HolidayBase:
    return holidays.country_holidays("DK")
