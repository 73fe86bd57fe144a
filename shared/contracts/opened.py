"""The JSON inside a letter, read as untrusted input, and written in canonical form.

Refused are: bytes that are no UTF-8, repeated names in an object, NaN and Infinity,
numbers beyond what a double holds exactly, lone surrogates, more than 64 levels, and anything but
an object. Errors point at the whole letter: a pointer would repeat names that were sent.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

import rfc8785

from shared.contracts.receipts import FieldError, Rule

__all__ = ["MAX_LEVELS", "MAX_OPENED", "Opened", "OpenedRefused", "canonical", "read_opened"]

Opened = dict[str, Any]

MAX_OPENED: Final = 262_144
"""Bytes; a sealed letter is no larger."""
MAX_LEVELS: Final = 64

_LARGEST: Final = 2**53 - 1
_LONGEST_INTEGER: Final = 17
_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_OPENING: Final = (b"[", b"{")


class OpenedRefused(ValueError):
    """The letter cannot be read as one JSON object that has a canonical form."""

    def __init__(self, rule: Rule, message: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.errors = (FieldError.of("", rule, message),)


def read_opened(opened: bytes) -> Opened:
    """Return the object in a letter; raises `OpenedRefused`."""
    if len(opened) > MAX_OPENED:
        raise OpenedRefused(Rule.TOO_LARGE, f"The letter exceeds {MAX_OPENED} bytes.")
    _check_levels(opened)
    try:
        text = opened.decode("utf-8")
    except UnicodeDecodeError:
        raise OpenedRefused(Rule.NOT_UTF8, "The letter is not UTF-8.") from None
    try:
        read = _DECODER.decode(text)
    except (json.JSONDecodeError, RecursionError):
        raise OpenedRefused(Rule.NOT_JSON, "The letter is not JSON.") from None
    if not isinstance(read, dict):
        raise OpenedRefused(Rule.NOT_AN_OBJECT, "The letter must be one JSON object.")
    if _SURROGATE_ESCAPE.search(text):
        _write(read)
    return read


def canonical(opened: bytes) -> bytes:
    """Return the letter in canonical form (RFC 8785): one content, one spelling; Unicode stays as it is.

    Raises `OpenedRefused` for what has no such form.
    """
    return _write(read_opened(opened))


def _write(read: Opened) -> bytes:
    try:
        return rfc8785.dumps(read)
    except (UnicodeEncodeError, rfc8785.CanonicalizationError):
        # Numbers were judged while reading, so half a character is all that can be left.
        message = "The letter holds half a surrogate pair."
        raise OpenedRefused(Rule.LONE_SURROGATE, message) from None


def _check_levels(opened: bytes) -> None:
    """Count the levels before any parser recurses into them."""
    level = 0
    for match in _STRING_OR_BRACKET.finditer(opened):
        token = match.group()
        if token in _OPENING:
            level += 1
            if level > MAX_LEVELS:
                raise OpenedRefused(Rule.TOO_DEEP, f"The letter exceeds {MAX_LEVELS} levels.")
        elif token in (b"]", b"}"):
            level -= 1


def _object(pairs: list[tuple[str, Any]]) -> Opened:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise OpenedRefused(Rule.DUPLICATE_NAME, "A name stands twice in one object.")
    return read


def _out_of_range(_: str = "") -> NoReturn:
    raise OpenedRefused(
        Rule.NUMBER_OUT_OF_RANGE, "A number is beyond 2^53 - 1, or is no number at all."
    )


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        _out_of_range()
    number = int(digits)
    return number if abs(number) <= _LARGEST else _out_of_range()


def _real(digits: str) -> float:
    number = float(digits)
    return number if abs(number) <= _LARGEST else _out_of_range()


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_real,
    parse_constant=_out_of_range,
)
