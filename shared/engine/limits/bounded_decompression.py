"""A limit for decompression: the client unpacks a batch whole, whatever its size.

The broker limits the size of a batch as it was sent. 10 KB may unpack to 300 MiB, and one such batch
could end every consumer of the topic, again and again. aiokafka 0.14 has no setting for it. So the
functions that its record classes unpack with are replaced, once, in the modules where these classes
look them up. They return the same bytes, or raise `BatchTooLarge` before they allocate them.

The replacement also reports where a batch ends that cannot be decoded (`UndecodableBatch`). The
client's error does not, and a hostile batch may span any number of offsets.

A newer aiokafka without these names stops the start (AttributeError). One that no longer looks them
up fails tests/edge/test_engine_decoding.py.
"""

import gzip
import io
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final, cast

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import default_records, legacy_records
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

from shared.engine.kafka.undecodable_batch import UndecodableBatch, is_undecodable

__all__ = ["MAX_BATCH_BYTES", "MAX_BATCH_PARTS", "BatchTooLarge", "bound_decompression"]

MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
"""Four times the topics' limit. Clients close their batches at 1 MB before they compress them, and
sealed reports hardly get smaller."""

MAX_BATCH_PARTS: Final = 200_000
"""Records and headers together in a batch that unpacks to more than a topic takes unpacked. A header
of two bytes takes eighty in memory, and two dozen in a parked row."""

_AS_SENT: Final = 1024 * 1024
_XERIAL: Final = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
_BLOCK_LENGTH: Final = 4
_SMALLEST: Final = 16 * 1024
_USUAL_RATIO: Final = 4
_FULL: Final = "failed to write whole buffer"

Decode = Callable[[Any], bytes]


class BatchTooLarge(CorruptRecordException):  # type: ignore[misc]  # aiokafka is not typed
    """A batch unpacks to more than a legitimate client sends."""


def bound_decompression() -> None:
    """Replace aiokafka's functions for unpacking. A second call changes nothing."""
    for batch, decoders in (
        (default_records.DefaultRecordBatch, _CURRENT),
        (legacy_records.LegacyRecordBatch, _LEGACY),
    ):
        _replace(sys.modules[batch.__module__], decoders)
    _replace(fetcher, {"MemoryRecords": _Batches})


def _replace(module: ModuleType, replacements: dict[str, Any]) -> None:
    for name, replacement in replacements.items():
        getattr(module, name)  # AttributeError: this aiokafka unpacks in another way
        setattr(module, name, replacement)


def _gzip(payload: Any) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(payload)) as file:
        unpacked = file.read(MAX_BATCH_BYTES + 1)
    if len(unpacked) > MAX_BATCH_BYTES:
        raise BatchTooLarge
    return unpacked


def _into(decompress_into: Callable[[Any, Any], int]) -> Decode:
    """Unpack into a buffer that fits most batches, and into the largest one only if that is full."""

    def decode(payload: Any) -> bytes:
        for size in (
            min(_SMALLEST + _USUAL_RATIO * len(payload), MAX_BATCH_BYTES),
            MAX_BATCH_BYTES,
        ):
            buffer = bytearray(size)
            try:
                return bytes(memoryview(buffer)[: decompress_into(payload, buffer)])
            except cramjam.DecompressionError as error:
                if _FULL not in str(error):
                    raise
        raise BatchTooLarge

    return decode


def _snappy(payload: Any) -> bytes:
    """Unpack Snappy: a block begins with its unpacked length, which the decoder enforces."""
    blocks = list(_snappy_blocks(memoryview(payload)))
    if sum(map(cramjam.snappy.decompress_raw_len, blocks)) > MAX_BATCH_BYTES:
        raise BatchTooLarge
    return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)


def _snappy_blocks(payload: memoryview) -> Iterator[memoryview]:
    """Yield the whole payload, or each block of the framing of Java's library."""
    at = len(_XERIAL)
    if len(payload) <= at or payload[:at].tobytes() != _XERIAL:
        yield payload
        return
    while at < len(payload):
        length = int.from_bytes(payload[at : at + _BLOCK_LENGTH], "big", signed=True)
        if length <= 0:
            raise CorruptRecordException
        at += _BLOCK_LENGTH
        yield payload[at : at + length]
        at += length


def _counted(decode: Decode) -> Decode:
    def decode_and_count(payload: Any) -> bytes:
        unpacked = decode(payload)
        if len(unpacked) > _AS_SENT and _parts_exceed(unpacked):
            raise BatchTooLarge
        return unpacked

    return decode_and_count


def _parts_exceed(records: bytes) -> bool:
    """Whether there are more records and headers than allowed.

    It reads the same bytes as the client. If a record's length is wrong, the client stops at that
    record, whose headers are counted by then.
    """
    buffer, at, parts = bytearray(records), 0, 0

    def number(at: int) -> tuple[int, int]:
        if at >= len(buffer):
            raise IndexError  # `decode_varint` would read on behind the buffer
        return cast("tuple[int, int]", decode_varint(buffer, at))

    try:
        while at < len(buffer) and parts <= MAX_BATCH_PARTS:
            length, at = number(at)
            end = at + length
            for _ in ("attributes", "timestamp", "offset"):
                _, at = number(at)
            for _ in ("key", "value"):
                size, at = number(at)
                at += max(size, 0)
            headers, _ = number(at)
            if length <= 0 or headers < 0:
                break
            parts += 1 + headers
            at = end
    except (IndexError, ValueError):
        pass  # broken: the client raises its own error
    return parts > MAX_BATCH_PARTS


_CURRENT: Final[dict[str, Decode]] = {
    "gzip_decode": _counted(_gzip),
    "snappy_decode": _counted(_snappy),
    "lz4_decode": _counted(_into(cramjam.lz4.decompress_into)),
    "zstd_decode": _counted(_into(cramjam.zstd.decompress_into)),
}
_LEGACY: Final[dict[str, Decode]] = {
    "gzip_decode": _gzip,
    "snappy_decode": _snappy,
    "lz4_decode": _into(cramjam.lz4.decompress_into),
}


class _Batches:
    """aiokafka's MemoryRecords, whose batches report where they end if they cannot be decoded."""

    def __init__(self, data: bytes) -> None:
        records = MemoryRecords(data)
        self._records = records
        self.has_next = records.has_next
        self.size_in_bytes = records.size_in_bytes

    def next_batch(self) -> "_Batch":
        return _Batch(self._records.next_batch())


class _Batch:
    """aiokafka's batch. Its checksum is checked before the records are read."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._batch
        except Exception as error:
            if not is_undecodable(error):
                raise
            raise UndecodableBatch(self._batch.next_offset) from error
