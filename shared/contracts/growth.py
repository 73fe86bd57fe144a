"""Contracts only grow: what a new schema must not take from those who know the old one.

A letter that a partner writes by the old schema must be accepted as before; a reader of a fact or
receipt must find what it found before. So nothing disappears, nothing changes its type, form or meaning,
no listed value goes, and nothing that could be left out becomes required. New fields, values and
definitions are growth: readers take what they do not know. Words for people may be corrected; of a
code's meaning its definition is frozen (`meanings.definition`). A keyword that these rules do not
know must stay as it was: what cannot be judged is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from shared.contracts.meanings import definition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Break", "breaks", "without_words"]

Schema = dict[str, Any]

_WORDS: Final = frozenset({"title", "description", "examples"})
"""For people, and free to be corrected. The examples of an open list are its codes."""
_NOT_JUDGED: Final = frozenset({*_WORDS, "deprecated", "$id", "$schema", "x-ce-type"})
_BY_NAME: Final = frozenset({"properties", "$defs"})
_MUST_STAY: Final = ("type", "const", "$ref", "x-open-list")
_FORMS: Final = ("format", "pattern")
_MAY_ONLY_RISE: Final = ("maxLength", "maxItems", "maximum")
_MAY_ONLY_FALL: Final = ("minLength", "minItems", "minimum")
_JUDGED: Final = frozenset(
    {
        *_MUST_STAY,
        *_FORMS,
        *_MAY_ONLY_RISE,
        *_MAY_ONLY_FALL,
        *("enum", "x-meanings", "default", "required", "additionalProperties"),
        *("properties", "$defs", "items", "anyOf", "allOf"),
    }
)

_KEEP_FIELD: Final = "Keep the field; where it must go, publish {v2} without it beside this version"
_KEEP_TYPE: Final = (
    "Leave it as it was, and add an optional field of the other kind or publish {v2}"
)
_KEEP_OPTIONAL: Final = "Make it optional, with what its absence means; demand it in {v2} alone"
_KEEP_VALUE: Final = (
    "Keep the value, add the new one beside it, and stop using the old one; it ends with {v2}"
)
_KEEP_MEANING: Final = (
    "Leave its definition as it was, and add a new value that means the other thing"
)
_KEEP_BOUNDS: Final = "Leave the bounds as they were; other ones are for {v2}"
_KEEP_THERE: Final = "Always include it; what may be absent is a new field, or {v2}"
_KEEP_NAME: Final = "Leave the name as it was: programs are generated from it"
_KEEP_ABSENCE: Final = "Leave the default as it was: absence means what it meant; {v2} may differ"


@dataclass(frozen=True, slots=True)
class Break:
    """One way in which something new breaks with what was published, and what to do instead."""

    place: str
    what: str
    instead: str
    """With `{v2}` where the next version of the type is meant."""

    def below(self, place: str) -> Break:
        """Return the same, seen from further out."""
        return replace(self, place=f"{place}{self.place}")

    def sentence(self, v2: str = "a .v2") -> str:
        """Return one sentence with the place, the break, and what to do instead."""
        return f"{self.place or 'the whole'}: {self.what}. {self.instead.format(v2=v2)}."


def breaks(old: Schema, new: Schema, *, emitted: bool = False) -> list[Break]:
    """Find each way in which `new` breaks with `old`.

    `emitted` marks a type that services write and others read (facts, receipts): a field that was
    always present stays present, and no bound or list becomes wider than published. A type that
    partners write may become wider.
    """
    return list(_breaks(old, new, "", emitted=emitted))


def without_words(schema: Schema) -> Schema:
    """Return what a schema demands and means, without titles, descriptions, examples and remarks.

    Two schemas that are the same without them differ in wording alone.
    """
    kept: Schema = {}
    for key, value in schema.items():
        if key in _BY_NAME:
            kept[key] = {name: without_words(one) for name, one in value.items()}
        elif key == "x-meanings":
            kept[key] = {code: definition(meaning) for code, meaning in value.items()}
        elif key in ("items", "if", "then"):
            kept[key] = without_words(value)
        elif key in ("anyOf", "allOf"):
            kept[key] = [without_words(one) for one in value]
        elif key not in _WORDS or (key == "examples" and schema.get("x-open-list")):
            kept[key] = value
    return kept


def _breaks(old: Schema, new: Schema, at: str, *, emitted: bool) -> Iterator[Break]:
    if "anyOf" in old or "anyOf" in new:
        yield from _ways(old, new, at, emitted=emitted)
    else:
        yield from _value(old, new, at, emitted=emitted)
    if "default" in old and ("default" not in new or old["default"] != new["default"]):
        yield Break(at, "what its absence means is another", _KEEP_ABSENCE)


def _value(old: Schema, new: Schema, at: str, *, emitted: bool) -> Iterator[Break]:
    """Compare two schemas without alternatives."""
    for key in _MUST_STAY:
        if old.get(key) != new.get(key):
            yield Break(at, f"its {key} is another", _KEEP_TYPE)
    for key in _FORMS:
        if old.get(key) != new.get(key) and (emitted or key in new):
            yield Break(at, f"its {key} is another", _KEEP_BOUNDS)
    yield from _bounds(old, new, at, emitted=emitted)
    yield from _codes(old, new, at, emitted=emitted)
    yield from _fields(old, new, at, emitted=emitted)
    if "items" in old and "items" in new:
        yield from _breaks(old["items"], new["items"], f"{at}/items", emitted=emitted)
    elif "items" in old or "items" in new:
        yield Break(at, "what it is a list of is another", _KEEP_TYPE)
    yield from _conditions(old, new, at, emitted=emitted)
    for key in sorted({*old, *new} - _NOT_JUDGED - _JUDGED):
        if old.get(key) != new.get(key):
            yield Break(at, f"its {key} is another, which nobody can judge", _KEEP_TYPE)


def _bounds(old: Schema, new: Schema, at: str, *, emitted: bool) -> Iterator[Break]:
    for keys, sign in ((_MAY_ONLY_RISE, 1), (_MAY_ONLY_FALL, -1)):
        for key in keys:
            before = sign * old[key] if key in old else float("inf")
            after = sign * new[key] if key in new else float("inf")
            if after < before:
                yield Break(at, f"its {key} is tighter", _KEEP_BOUNDS)
            elif after > before and emitted:
                yield Break(at, f"its {key} is wider than readers were promised", _KEEP_BOUNDS)


def _codes(old: Schema, new: Schema, at: str, *, emitted: bool) -> Iterator[Break]:
    """Compare lists of codes: values stay, and go on meaning what they meant."""
    for gone in _gone(old.get("enum", ()), new.get("enum") or old.get("enum", ())):
        yield Break(at, f"the value {gone!r} is gone or renamed", _KEEP_VALUE)
    if "enum" in new and "enum" not in old:
        yield Break(at, "only listed values are allowed now", _KEEP_BOUNDS)
    if "enum" in old and "enum" not in new and emitted:
        yield Break(at, "values beyond the published list may come", _KEEP_BOUNDS)
    if old.get("x-open-list"):
        for gone in _gone(old.get("examples", ()), new.get("examples", ())):
            yield Break(at, f"the code {gone!r} is gone or renamed", _KEEP_VALUE)
    meanings = new.get("x-meanings", {})
    for value, meaning in old.get("x-meanings", {}).items():
        is_there = value in new.get("enum", ())
        if is_there and definition(meanings.get(value, "")) != definition(meaning):
            yield Break(at, f"the value {value!r} means something else", _KEEP_MEANING)


def _gone(old: list[Any], new: list[Any]) -> list[Any]:
    return [value for value in old if value not in new]


def _fields(old: Schema, new: Schema, at: str, *, emitted: bool) -> Iterator[Break]:
    required, was = set(new.get("required", ())), set(old.get("required", ()))
    for name in sorted(required - was):
        yield Break(f"{at}/{name}", "the field became required", _KEEP_OPTIONAL)
    for name in sorted(was - required) if emitted else ():
        yield Break(f"{at}/{name}", "the field is not always there any more", _KEEP_THERE)
    if new.get("additionalProperties", True) != old.get("additionalProperties", True):
        yield Break(at, "which other fields may stand there is another", _KEEP_TYPE)
    before, after = old.get("properties", {}), new.get("properties", {})
    for name, field in before.items():
        if name in after:
            yield from _breaks(field, after[name], f"{at}/{name}", emitted=emitted)
        else:
            yield Break(
                f"{at}/{name}", f"the field is gone{_now(name, before, after)}", _KEEP_FIELD
            )
    before, after = old.get("$defs", {}), new.get("$defs", {})
    for name, defined in before.items():
        place = f"{at}/$defs/{name}"
        if name in after:
            yield from _breaks(defined, after[name], place, emitted=emitted)
        else:
            yield Break(place, f"the type is gone{_now(name, before, after)}", _KEEP_NAME)


def _now(gone: str, before: Mapping[str, Schema], after: Mapping[str, Schema]) -> str:
    """Name what seems to be the same under another name."""
    same = [name for name in after if name not in before and _alike(before[gone], after[name])]
    return f" (renamed to {same[0]}?)" if same else ""


def _alike(one: Schema, other: Schema) -> bool:
    return not breaks(one, other, emitted=True) and not breaks(other, one, emitted=True)


def _ways(old: Schema, new: Schema, at: str, *, emitted: bool) -> Iterator[Break]:
    """Compare alternatives: each old one stays, and an emitted type gets no new one."""
    before, after = _alternatives(old), _alternatives(new)
    for index, way in enumerate(before):
        found = [list(_breaks(way, other, at, emitted=emitted)) for other in after]
        if all(found):
            twin = found[index] if len(before) == len(after) else []
            kinds = {key: way.get(key) for key in ("type", "$ref")}
            is_twin = twin and kinds == {key: after[index].get(key) for key in kinds}
            gone = Break(at, f"{_named(way)} is no longer an allowed type", _KEEP_TYPE)
            yield from twin if is_twin else [gone]
    for other in after if emitted else ():
        if all(list(_breaks(way, other, at, emitted=emitted)) for way in before):
            is_changed = any(_named(way) == _named(other) for way in before)
            if not is_changed:
                yield Break(
                    at, f"{_named(other)} is a new type that readers do not know", _KEEP_TYPE
                )


def _alternatives(schema: Schema) -> list[Schema]:
    if "anyOf" in schema:
        ways: list[Schema] = schema["anyOf"]
        return ways
    return [{key: value for key, value in schema.items() if key not in ("default", "title")}]


def _named(way: Schema) -> str:
    return str(way.get("type") or way.get("$ref", "").rpartition("/")[2] or "this")


def _conditions(old: Schema, new: Schema, at: str, *, emitted: bool) -> Iterator[Break]:
    """Compare what holds under a condition: only a new process may bring conditions of its own."""
    before, after = list(old.get("allOf", ())), list(new.get("allOf", ()))
    for rule in before:
        same = next((one for one in after if one.get("if") == rule.get("if")), None)
        place = f"{at}/allOf/{_condition(rule)}"
        if same is None:
            yield Break(place, "what holds then is gone", _KEEP_FIELD)
            continue
        after.remove(same)
        yield from _breaks(rule.get("then", {}), same.get("then", {}), place, emitted=emitted)
        rest, now = (
            {key: value for key, value in one.items() if key not in ("if", "then")}
            for one in (rule, same)
        )
        if rest != now:
            yield Break(place, "what holds otherwise is another", _KEEP_TYPE)
    listed = {value for one in _lists(old) for value in one}
    for rule in after:
        properties = rule.get("if", {}).get("properties", {})
        names = {condition.get("const", ...) for condition in properties.values()}
        if not names or names & {*listed, None, ...}:
            yield Break(f"{at}/allOf/{_condition(rule)}", "a condition is new", _KEEP_BOUNDS)


def _condition(rule: Schema) -> str:
    properties = rule.get("if", {}).get("properties", {})
    named = (f"{name}={condition.get('const')}" for name, condition in properties.items())
    return ",".join(named) or "always"


def _lists(schema: Schema) -> Iterator[list[Any]]:
    for defined in schema.get("$defs", {}).values():
        if "enum" in defined:
            yield defined["enum"]
