"""What the client unpacks: good batches as ever, and never more than the bound.

These fail when a newer aiokafka does not look up any more what `shared/engine/limits/bounded_decompression.py` replaces.
"""

import sys

import cramjam
import pytest
from aiokafka import codec
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from shared.engine.kafka.undecodable_batch import UndecodableBatch
from shared.engine.limits.bounded_decompression import (
    MAX_BATCH_BYTES,
    MAX_BATCH_PARTS,
    BatchTooLarge,
    bound_decompression,
)

MIB = 1024 * 1024
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
LEGACY = ("gzip", "snappy", "lz4")


@pytest.fixture(scope="module", autouse=True)
def bounded():
    bound_decompression()


def a_batch(codec, *values, headers=()):
    """A batch as it is in a log, in the format that is written today."""
    builder = DefaultRecordBatchBuilder(
        2,
        CODECS[codec],
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=0,
        batch_size=1_000_000_000,
    )
    for offset, value in enumerate(values):
        builder.append(offset, 0, None, value, list(headers))
    return bytes(builder.build())


def a_legacy_batch(codec, *values, magic):
    """The same in a format of old."""
    builder = LegacyRecordBatchBuilder(magic, CODECS[codec], 1_000_000_000)
    for offset, value in enumerate(values):
        builder.append(offset, 0, None, value)
    return bytes(builder.build())


def read(log):
    """Every value that the client reads out of these bytes."""
    records = fetcher.MemoryRecords(log)
    values = []
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        values += [record.value for record in batch]
    return values


def bombs():
    much = bytes(MAX_BATCH_BYTES)
    for codec_ in CODECS:
        yield pytest.param(lambda c=codec_: a_batch(c, b"", much), 2, id=codec_)
    yield pytest.param(lambda: a_batch("zstd", *[b""] * (MAX_BATCH_PARTS + 1)), 200_001, id="many")
    nothing = [("", None)] * (MAX_BATCH_PARTS + 1)
    yield pytest.param(
        lambda: a_batch("lz4", b"1", bytes(MIB), b"3", headers=nothing), 3, id="headers"
    )
    for codec_ in LEGACY:  # a broker would write the last offset where the client writes 0
        yield pytest.param(
            lambda c=codec_: a_legacy_batch(c, much, b"", magic=1), 1, id=f"{codec_}, v1"
        )
    for codec_ in ("gzip", "snappy"):
        yield pytest.param(
            lambda c=codec_: a_legacy_batch(c, much, b"", magic=0), 1, id=f"{codec_}, v0"
        )


@pytest.mark.parametrize(("batch", "until"), list(bombs()))
def test_the_client_in_use_unpacks_no_bomb_and_reports_where_it_ends(batch, until):
    with pytest.raises(UndecodableBatch) as refused:
        read(batch())

    assert isinstance(refused.value.__cause__, BatchTooLarge)
    assert refused.value.until == until


@pytest.mark.parametrize("codec_", CODECS)
@given(
    values=st.lists(st.binary(max_size=3_000), min_size=1, max_size=30), often=st.integers(1, 90)
)
def test_good_batches_are_read_as_ever(codec_, values, often):
    values = [value * often for value in values]

    assert read(a_batch(codec_, *values)) == values
    if codec_ in LEGACY:
        assert read(a_legacy_batch(codec_, *values, magic=1)) == values


DECODERS = [
    (codec.gzip_encode, codec.gzip_decode, "gzip_decode"),
    (codec.snappy_encode, codec.snappy_decode, "snappy_decode"),
    (cramjam.snappy.compress_raw, codec.snappy_decode, "snappy_decode"),
    (codec.lz4_encode, codec.lz4_decode, "lz4_decode"),
    (codec.zstd_encode, codec.zstd_decode, "zstd_decode"),
]


@pytest.mark.parametrize(("pack", "original", "name"), DECODERS)
@given(
    part=st.binary(max_size=2_000),
    often=st.integers(1, 500),
    cut=st.none() | st.integers(0, 200),
    flip=st.none() | st.integers(0, 200),
)
def test_the_bounded_functions_do_what_the_original_ones_do(
    pack, original, name, part, often, cut, flip
):
    packed = bytearray(bytes(pack(part * often)))
    if flip is not None and flip < len(packed):
        packed[flip] ^= 0x10
    packed = bytes(packed[:cut])

    assert outcome(in_use(name), packed) == outcome(original, packed)


def in_use(name):
    return getattr(sys.modules[DefaultRecordBatch.__module__], name)


def outcome(decode, packed):
    try:
        return decode(packed)
    except Exception:  # noqa: BLE001 - each library has its own
        return "broken"


@pytest.mark.parametrize(("pack", "original", "name"), DECODERS)
def test_the_bound_is_exact(pack, original, name):
    most = bytes([7]) * MAX_BATCH_BYTES
    packed, too_much = bytes(pack(most)), bytes(pack(most + b"7"))

    with pytest.raises(BatchTooLarge):
        in_use(name)(too_much)
    assert len(original(too_much)) > MAX_BATCH_BYTES
    assert in_use(name)(packed) == most


def test_a_block_of_snappy_that_never_ends_is_refused():
    framed = codec.snappy_encode(b"good")[:16] + (-4).to_bytes(4, "big", signed=True) * 4

    with pytest.raises(CorruptRecordException):
        in_use("snappy_decode")(framed)


def test_what_a_later_batch_holds_is_lost_to_no_earlier_one():
    good, bomb = a_batch("zstd", b"1", b"2"), a_batch("zstd", bytes(MAX_BATCH_BYTES))
    records = fetcher.MemoryRecords(good + bomb + good)

    assert [each.value for each in records.next_batch()] == [b"1", b"2"]
    with pytest.raises(UndecodableBatch):
        list(records.next_batch())
    assert [each.value for each in records.next_batch()] == [b"1", b"2"]
