"""Contracts only grow: what a new schema must not take from those who know the old one.

A reader of facts must find what it found before; a writer of letters must be taken as before. So
nothing disappears, nothing changes its type or form, no listed value goes, and nothing that could
be left out becomes required. New fields, new values and new definitions are growth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["breaks"]

_MUST_STAY: Final = ("type", "format", "pattern", "const", "$ref")
_MAY_ONLY_RISE: Final = ("maxLength", "maxItems", "maximum")
_MAY_ONLY_FALL: Final = ("minLength", "minItems", "minimum")

Schema = dict[str, Any]


def breaks(old: Schema, new: Schema, at: str = "") -> list[str]:
    """Give a sentence for each way in which `new` breaks with `old`."""
    return list(_breaks(old, new, at))


def _breaks(old: Schema, new: Schema, at: str) -> Iterator[str]:
    place = at or "the whole"
    for key in _MUST_STAY:
        if old.get(key) != new.get(key):
            yield f"{place}: {key} is another"
    yield from (f"{place}: {key} is tighter" for key in _tighter(old, new))
    if gone := set(old.get("enum", ())) - set(new.get("enum", ())):
        yield f"{place}: {len(gone)} listed values are gone"
    if "enum" in new and "enum" not in old:
        yield f"{place}: only listed values are allowed now"
    if required := set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{place}: {', '.join(sorted(required))} became required"
    for key in ("properties", "$defs"):
        yield from _named_break(old.get(key, {}), new.get(key, {}), at, key)
    yield from _listed_break(old, new, at)


def _tighter(old: Schema, new: Schema) -> Iterator[str]:
    for key in _MAY_ONLY_RISE:
        if key in new and new[key] < old.get(key, float("inf")):
            yield key
    for key in _MAY_ONLY_FALL:
        if key in new and new[key] > old.get(key, 0):
            yield key


def _named_break(
    old: Mapping[str, Schema], new: Mapping[str, Schema], at: str, key: str
) -> Iterator[str]:
    for name, before in old.items():
        if name in new:
            yield from _breaks(before, new[name], f"{at}/{key}/{name}")
        else:
            yield f"{at}/{key}/{name}: it is gone"


def _listed_break(old: Schema, new: Schema, at: str) -> Iterator[str]:
    if isinstance(before := old.get("items"), dict):
        yield from _breaks(before, new.get("items", {}), f"{at}/items")
    branches = new.get("anyOf", [])
    for index, before in enumerate(old.get("anyOf", [])):
        if not any(not breaks(before, after) for after in branches):
            yield f"{at}/anyOf/{index}: this way of saying it is gone"
