"""A key must land where every other client of Kafka puts it: an order may not change partitions."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import example, given
from hypothesis import strategies as some

from shared.engine.kafka.partitioner import partition_of

theirs = DefaultPartitioner()


@given(key=some.binary(max_size=80), partitions=some.integers(1, 64))
@example(key=b"", partitions=8)
@example(key=b"\xff" * 7, partitions=64)
def test_a_key_lands_on_the_partition_that_kafkas_clients_choose(key, partitions):
    numbers = list(range(partitions))

    assert partition_of(key, numbers) == theirs(key, numbers, numbers)


def test_a_case_lands_where_javas_client_puts_it():
    # org.apache.kafka.common.utils.Utils.murmur2, as its own tests give it
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}

    for key, hashed in known.items():
        assert partition_of(key, range(1_000)) == (hashed & 0x7FFFFFFF) % 1_000
