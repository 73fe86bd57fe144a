"""Parked records of partners are stored whole and sealed, because their content is unknown.

A partner may have put a CPR number into the key, or sent a report without its seal. So a stand-in
carries the whole record as one sealed blob, and a redrive restores the record from it.

A compressed batch can carry a record that is larger than the broker's limit and than a MongoDB
document. Of such a record only its position, its size and the SHA-256 of its value are kept:
enough to find it in the partner's own files.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import bson
from bson.binary import Binary

from shared.engine import Record, Rejected
from shared.security.data_keys import KeyDestroyed, NotABlob

if TYPE_CHECKING:
    from shared.security.data_keys import Keys

__all__ = ["MOST_KEPT", "explained", "restore", "withhold"]

MOST_KEPT: Final = 8 * 1024 * 1024
"""Bytes of one record: half of the largest MongoDB document."""

_KEY_NAME: Final = "set-aside"
"""One key for all: a record that cannot be read belongs to no person and no case."""

_MARK: Final = ("samraad-withheld", b"1")
_SIZE: Final = "samraad-not-kept-bytes"
_DIGEST: Final = "samraad-not-kept-sha256"
_PER_HEADER: Final = 40
"""Bytes that a header adds to the document, apart from its name and value."""


async def withhold(record: Record, keys: Keys) -> Record:
    """Return a stand-in with the same position and the sealed record, or its size and digest."""
    if _weight(record) > MOST_KEPT:
        digest = sha256(record.value or b"").hexdigest().encode()
        return _stand_in(record, None, ((_SIZE, str(record.size).encode()), (_DIGEST, digest)))
    whole = bson.encode(
        {
            "place": record.position,
            "key": record.key,
            "value": record.value,
            "headers": [[name, value] for name, value in record.headers],
        }
    )
    return _stand_in(record, bytes(await _sealed(whole, keys)), (_MARK,))


def explained(stand_in: Record, reason: str) -> str:
    """Return why a record is set aside, and what is not kept of it."""
    headers = dict(stand_in.headers)
    size, digest = headers.get(_SIZE), headers.get(_DIGEST)
    if size is None or digest is None:
        return reason
    return (
        f"{reason}; its {size.decode()} bytes are too many to keep, the SHA-256 of its value is "
        f"{digest.decode()}"
    )


def _weight(record: Record) -> int:
    names = sum(len(name.encode()) + len(value or b"") for name, value in record.headers)
    envelope = names + _PER_HEADER * len(record.headers)
    return envelope + len(record.key or b"") + len(record.value or b"")


def _stand_in(
    record: Record, value: bytes | None, headers: tuple[tuple[str, bytes], ...]
) -> Record:
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        key=None,
        value=value,
        headers=headers,
    )


async def _sealed(whole: bytes, keys: Keys) -> Binary:
    """Seal under the common key; make the key first if it does not exist."""
    try:
        return await keys.encrypt(_KEY_NAME, whole)
    except KeyDestroyed:
        await keys.ensure([_KEY_NAME])
        return await keys.encrypt(_KEY_NAME, whole)


async def restore(record: Record, keys: Keys) -> Record:
    """Return the record that a stand-in carries, or the record itself if it is no stand-in.

    Only for parked records: in a topic a partner could write the mark itself.

    Raises:
        Rejected: the record was not kept, does not open any more, or has another position.

    """
    if _SIZE in dict(record.headers):
        raise Rejected("it was too large to be kept, so it cannot be taken again: discard it")
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
