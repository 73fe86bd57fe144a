"""A batch that cannot be decoded: an unknown codec, a broken checksum.

The client returns no bytes of such a batch. If its checksum is right, the error says where the batch
ends (see `shared.engine.limits.bounded_decompression`). Otherwise each offset is tried in turn.
"""

from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, UnsupportedCodecError

from shared.errors import Unavailable

__all__ = ["UndecodableBatch", "is_undecodable", "next_decodable"]

_ANSWER_MS: Final = 1_000
_PATIENCE: Final = 10
_UNDECODABLE: Final = (CorruptRecordException, UnsupportedCodecError)
_OURS_OR_PASSING: Final = (KafkaError, OSError, MemoryError, AssertionError)


class UndecodableBatch(CorruptRecordException):  # type: ignore[misc]  # aiokafka is not typed
    """A batch that arrived as it was sent and cannot be decoded. Its cause is chained."""

    def __init__(self, until: int) -> None:
        super().__init__()
        self.until = until
        """The offset after the batch."""


def is_undecodable(error: Exception) -> bool:
    """Whether the bytes are at fault. Errors of the broker or the network pass."""
    return isinstance(error, _UNDECODABLE) or not isinstance(error, _OURS_OR_PASSING)


async def next_decodable(consumer: AIOKafkaConsumer, place: TopicPartition, at: int) -> int:
    """Return the first offset after `at` that can be decoded, or the log's end. Pauses `place`.

    Raises:
        Unavailable: the broker does not answer. No offset is skipped for that.

    """
    end = int((await consumer.end_offsets([place]))[place])
    candidate, unanswered = at + 1, 0
    while candidate < end:
        consumer.seek(place, candidate)
        try:
            polled = await consumer.getmany(place, timeout_ms=_ANSWER_MS, max_records=1)
        except Exception as error:
            if not is_undecodable(error):
                raise
            behind = error.until if isinstance(error, UndecodableBatch) else 0
            candidate, unanswered = max(candidate + 1, behind), 0
            continue
        if polled.get(place):
            break
        unanswered += 1
        if unanswered == _PATIENCE:
            raise Unavailable("the broker does not answer")
    consumer.pause(place)
    return candidate
