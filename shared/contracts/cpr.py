"""CPR numbers: read by shape and date alone, never by their check digit.

Modulus 11 has not held for every number since 1 October 2007, so a number that fails it is as
good as any. The seventh digit and the year's two digits give the century. A number is personal
data of the first order: nothing here prints one.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from shared.contracts.fields import refusal
from shared.contracts.receipts import Rule

__all__ = ["Cpr", "birth_date_of", "digits_of"]

_CENTURIES: Final = (
    ({0, 1, 2, 3}, 99, 1900),
    ({4, 9}, 36, 2000),
    ({4, 9}, 99, 1900),
    ({5, 6, 7, 8}, 57, 2000),
    ({5, 6, 7, 8}, 99, 1800),
)
"""Seventh digit, the last year it holds for, the century."""
_SHAPE: Final = re.compile(r"[0-9]{6}-?[0-9]{4}\Z", re.ASCII)


def digits_of(cpr: str) -> str | None:
    """Return the ten digits without their hyphen, or None where the text is no CPR number."""
    if _SHAPE.match(cpr) is None:
        return None
    digits = cpr.replace("-", "")
    return digits if birth_date_of(digits) is not None else None


def birth_date_of(digits: str) -> date | None:
    """Return the day of birth in ten digits, or None where there is no such day."""
    day, month, year = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    try:
        return date(_century(int(digits[6]), year) + year, month, day)
    except ValueError:
        return None


def _century(seventh: int, year: int) -> int:
    """Return the century that the seventh digit encodes, by the rules of the CPR register."""
    return next(
        century for sevenths, upto, century in _CENTURIES if seventh in sevenths and year <= upto
    )


def _known(value: str) -> str:
    digits = digits_of(value)
    if digits is None:
        raise refusal(Rule.MALFORMED, "Must be ten digits that begin with a date, hyphen allowed.")
    return digits


Cpr = Annotated[
    str,
    Field(json_schema_extra={"pattern": "^[0-9]{6}-?[0-9]{4}$"}),
    AfterValidator(_known),
]
"""Ten digits, without the hyphen once read."""
