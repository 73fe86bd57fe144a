"""Records that are set aside, kept whole and unreadable: nobody knows what is written in them.

A partner may have put a CPR number into the key, or a report without its seal. So what is set
aside carries the whole record as one sealed blob, and a redrive gets the record back out of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import bson
from bson.binary import Binary

from shared.engine import Record, Rejected
from shared.keys import KeyDestroyed, NotABlob

if TYPE_CHECKING:
    from shared.keys import Keys

__all__ = ["restore", "withhold"]

_KEY_NAME: Final = "set-aside"
"""One key for all: what cannot be read belongs to no person and no case."""

_MARK: Final = ("samraad-withheld", b"1")


async def withhold(record: Record, keys: Keys) -> Record:
    """Return a stand-in at the same position that carries the record unreadably."""
    whole = bson.encode(
        {
            "place": record.position,
            "key": record.key,
            "value": record.value,
            "headers": [[name, value] for name, value in record.headers],
        }
    )
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        key=None,
        value=bytes(await _sealed(whole, keys)),
        headers=(_MARK,),
    )


async def _sealed(whole: bytes, keys: Keys) -> Binary:
    """Seal under the key that is nearly always there; make it only where it is not."""
    try:
        return await keys.encrypt(_KEY_NAME, whole)
    except KeyDestroyed:
        await keys.ensure([_KEY_NAME])
        return await keys.encrypt(_KEY_NAME, whole)


async def restore(record: Record, keys: Keys) -> Record:
    """Return the record that a stand-in carries, or the record itself where it is none.

    Only for what was set aside: in the log anybody can write the mark.

    Raises:
        Rejected: what was kept does not open any more, or lay at another place.

    """
    if record.headers != (_MARK,) or record.value is None:
        return record
    try:
        whole: dict[str, Any] = bson.decode(await keys.decrypt(Binary(record.value, 6)))
    except (KeyDestroyed, NotABlob):
        raise Rejected("what was kept of it does not open any more: discard it") from None
    if whole["place"] != record.position:
        raise Rejected("what was kept of it belongs to another place: discard it")
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        key=whole["key"],
        value=whole["value"],
        headers=tuple((name, value) for name, value in whole["headers"]),
    )
