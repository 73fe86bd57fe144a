"""Pydantic's errors as errors of a receipt: a pointer, a code and a sentence, without the input."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from shared.contracts.receipts import FieldError, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationError

__all__ = ["faults_of", "pointer"]

_RULES: Final = frozenset(rule.value for rule in Rule)
_WRONG_TYPE: Final = (Rule.WRONG_TYPE, "Must be of the type that the schema says.")
_MESSAGES: Final = MappingProxyType(
    {
        "missing": (Rule.MISSING, "Must be there."),
        "enum": (Rule.UNKNOWN_VALUE, "Must be one of the values that the schema lists."),
        "literal_error": (Rule.UNKNOWN_VALUE, "Must be one of the values that the schema lists."),
        "string_too_short": (Rule.BLANK, "Must not be blank."),
        "string_too_long": (Rule.TOO_LONG, "Must be shorter."),
        "string_pattern_mismatch": (Rule.MALFORMED, "Must have the form that the schema says."),
        "string_unicode": (Rule.LONE_SURROGATE, "Must be whole characters."),
        "too_short": (Rule.EMPTY, "Must hold at least one."),
        "too_long": (Rule.TOO_MANY, "Must hold fewer."),
        "greater_than_equal": (Rule.MALFORMED, "Must be within the bounds that the schema says."),
        "less_than_equal": (Rule.MALFORMED, "Must be within the bounds that the schema says."),
    }
)


def pointer(location: Iterable[str | int]) -> str:
    """Return the JSON Pointer (RFC 6901) to a place in the letter."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in location)


def _is_below(place: tuple[str | int, ...], above: tuple[str | int, ...]) -> bool:
    return len(place) > len(above) and place[: len(above)] == above


def faults_of(error: ValidationError, at: tuple[str | int, ...] = ()) -> list[FieldError]:
    """Return the faults in `error`, with pointers below the place `at`."""
    faults = []
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    places = {fault["loc"] for fault in errors}
    for fault in errors:
        kind = fault["type"]
        if kind == "too_short" and any(_is_below(place, fault["loc"]) for place in places):
            continue  # it is not empty: its items have faults, and pydantic counts only the valid ones
        if kind in _MESSAGES:
            rule, message = _MESSAGES[kind]
        elif kind in _RULES:
            rule, message = Rule(kind), fault["msg"]
        else:
            rule, message = _WRONG_TYPE
        faults.append(FieldError.of(pointer((*at, *fault["loc"])), rule, message))
    return faults
