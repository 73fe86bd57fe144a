"""How single fields of a letter are read: strictly, bounded, and without ever quoting them.

Every refusal carries a code of the published list as its type, so that one place can turn
pydantic's errors into receipts (`faults`).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shared.contracts.receipts import Rule

__all__ = [
    "Day",
    "Email",
    "FreeText",
    "Label",
    "Line",
    "LongText",
    "Moment",
    "Phone",
    "Sealed",
    "ShortText",
    "read_day",
    "read_moment",
    "refusal",
]

MAX_SHORT: Final = 200
MAX_LONG: Final = 5_000
MAX_FREE: Final = 262_144

_RFC3339: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d{1,12})?([Zz]|[+-]\d{2}:\d{2})\Z",
    re.ASCII,
)
_FULL_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PHONE: Final = r"^\+[1-9][0-9]{1,14}$"
_EMAIL: Final = r"^[^@\s]{1,64}@[^@\s]{1,189}$"
_FIRST_YEAR: Final = 1900
_LEAP_SECOND: Final = 60
_MAX_OFFSET: Final = timedelta(hours=23, minutes=59)


class Sealed(BaseModel):
    """Part of a letter. Unknown fields are kept and ignored; it never prints what it holds."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="allow",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    def __repr__(self) -> str:
        """Return the class alone, without content: traces and logs may contain this."""
        return f"<{type(self).__name__}>"

    __str__ = __repr__


def refusal(rule: Rule, message: str) -> PydanticCustomError:
    """Make what a validator raises for `rule`."""
    return PydanticCustomError(rule.value, message)


def read_moment(text: str) -> datetime | None:
    """Read an RFC 3339 time with its offset, or None. A leap second is read as the one before.

    A time before 1900 is none either: nobody reports it, and some of them have no time in UTC.
    """
    match = _RFC3339.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, offset = match.group(7), match.group(8)
    if year < _FIRST_YEAR:
        return None
    if second == _LEAP_SECOND:
        second = 59
    clock = f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
    zone = "+00:00" if offset in "Zz" else offset
    try:
        moment = datetime.fromisoformat(f"{clock}{(fraction or '')[:7]}{zone}")
        moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment


def read_day(text: str) -> date | None:
    """Read an RFC 3339 full-date, or None; a day before 1900 is none, as in `read_moment`."""
    if _FULL_DATE.match(text) is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year >= _FIRST_YEAR else None


def _moment(value: object) -> object:
    if not isinstance(value, str):
        return value
    moment = read_moment(value)
    if moment is None:
        raise refusal(Rule.MALFORMED, "Must be an RFC 3339 time with an offset, of 1900 or later.")
    return moment


def _day(value: object) -> object:
    if not isinstance(value, str):
        return value
    day = read_day(value)
    if day is None:
        raise refusal(Rule.MALFORMED, "Must be a date of 1900 or later: YYYY-MM-DD.")
    return day


def _printable(text: str) -> str:
    if _CONTROL.search(text):
        raise refusal(Rule.MALFORMED, "Must not hold control characters.")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise refusal(Rule.BLANK, "Must not be blank.")
    return text


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise refusal(Rule.MALFORMED, "Must not hold NUL characters.")
    return text


Moment = Annotated[datetime, BeforeValidator(_moment)]
"""A point in time with its offset."""
Day = Annotated[date, BeforeValidator(_day)]
"""A calendar day."""
ShortText = Annotated[
    str,
    Field(min_length=1, max_length=MAX_SHORT),
    AfterValidator(_printable),
    AfterValidator(_not_blank),
]
"""A line that is not blank: a role, a source."""
Line = Annotated[str, Field(max_length=MAX_SHORT), AfterValidator(_printable)]
"""A line that may be left empty: half a name, a street."""
Label = Annotated[
    str, Field(min_length=1, max_length=64), AfterValidator(_printable), AfterValidator(_not_blank)
]
"""How a report names a person within itself."""
LongText = Annotated[
    str,
    Field(min_length=1, max_length=MAX_LONG),
    AfterValidator(_without_nul),
    AfterValidator(_not_blank),
]
"""A reasoned sentence or several: a purpose, a necessity."""
FreeText = Annotated[str, Field(max_length=MAX_FREE), AfterValidator(_without_nul)]
"""For the people who handle the case; bounded by the seal, may be empty."""
Phone = Annotated[str, Field(pattern=_PHONE)]
"""E.164."""
Email = Annotated[str, Field(max_length=254, pattern=_EMAIL)]
