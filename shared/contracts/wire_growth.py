"""What a new row of the table of topics must not take from those who are connected by the old one.

Names, partitions, keys, headers, sources and logins stay; readers, writers and types may come, none
may go. Schemas of the types are compared by themselves (`growth.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from shared.contracts.growth import Break, breaks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.contracts.wire import Row

__all__ = ["name_of", "row_breaks", "row_is_gone"]

_KEEP_TOPIC: Final = (
    "Keep the topic; make the new one beside it, move everybody, and drop the old one once it is "
    "drained and its retention has passed"
)
_KEEP_TYPE: Final = (
    "Keep the type; publish {v2} beside it and write both until nobody reads the old one"
)
_KEEP_WIRE: Final = "Leave it as it was; what must differ goes with {v2}, or on a new topic"
_KEEP_PARTITIONS: Final = (
    "Keep the number: keys would move and cases lose their order. Make a new generation of the "
    "topic under a new name and drain this one"
)
_KEEP_RIGHT: Final = "Keep the right as long as the programs that use it run"
_KEEP_LOGIN: Final = (
    "Take the new login beside the old one, and end the old one when all have moved"
)
_KEEP_TIME: Final = "Keep records as long as promised; only a longer time is growth"

_MAY_ONLY_GROW: Final = {
    "reads": ("it may no longer read", _KEEP_RIGHT),
    "writes": ("it may no longer write", _KEEP_RIGHT),
    "logins": ("this login is gone", _KEEP_LOGIN),
}
_MAY_ONLY_RISE: Final = {
    "retention.ms": ("it keeps records for a shorter time", _KEEP_TIME),
    "max.message.bytes": ("it takes smaller records only", _KEEP_WIRE),
}


def name_of(row: Row) -> str:
    """Return the kind and name of a row: `topic psp.cases`."""
    kind, name = next(iter(row.items()))
    return f"{kind} {name}"


def row_is_gone(row: Row) -> Break:
    """Return the break of a published row whose name is gone."""
    keep = _KEEP_TOPIC if "topic" in row else _KEEP_WIRE
    return Break("", "it is gone or renamed", keep)


def row_breaks(old: Row, new: Row) -> list[Break]:
    """Find each way in which one row breaks with an older one of the same name."""
    emitted = old.get("form") != "letter"
    return [found for key in old for found in _breaks(key, old, new, emitted=emitted)]


def _breaks(key: str, old: Row, new: Row, *, emitted: bool) -> Iterator[Break]:
    at, before = f"/{key}", old[key]
    after: Any = new.get(key)
    match key:
        case "key" | "headers" | "value" if after is not None:
            yield from (found.below(at) for found in breaks(before, after, emitted=emitted))
        case "reads" | "writes" | "logins":
            what, keep = _MAY_ONLY_GROW[key]
            for gone in (name for name in before if name not in after):
                yield Break(f"{at}/{gone}", what, keep)
        case "carries" | "announces":
            yield from _type_breaks(at, before, new)
        case "retention.ms" | "max.message.bytes":
            if _unbounded(after) < _unbounded(before):
                yield Break(at, *_MAY_ONLY_RISE[key])
        case _ if after != before:
            keep = _KEEP_PARTITIONS if key == "partitions" else _KEEP_WIRE
            yield Break(at, "the value is another", keep)


def _type_breaks(at: str, before: Mapping[str, str], new: Row) -> Iterator[Break]:
    """Compare the types on a topic; one that was announced may come to be carried."""
    carried = new["carries"]
    there = carried if at == "/carries" else {**new.get("announces", {}), **carried}
    for ce_type, form in before.items():
        if ce_type not in there:
            yield Break(f"{at}/{ce_type}", "the type is no longer on the topic", _KEEP_TYPE)
        elif there[ce_type] != form:
            yield Break(f"{at}/{ce_type}", "its form is another", _KEEP_WIRE)


def _unbounded(setting: int) -> float:
    """Read a setting of Kafka whose -1 means without a limit."""
    return float("inf") if setting < 0 else setting
