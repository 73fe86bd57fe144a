"""A batch that cannot be read at all: an odd codec, a broken checksum.

It is kept by position, the watermark moves behind it, and the partition flows on. The client gives
no bytes of such a batch. Where its checksum is right it says where it ends (see `decoding`), else
that is found by asking for one offset after the other.
"""

from dataclasses import replace
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, UnsupportedCodecError

from shared.engine.consume import offset_store
from shared.engine.consume.offset_store import Watermark
from shared.engine.failures.crash_points import reach
from shared.engine.store.store import Store
from shared.errors import Unavailable

__all__ = ["UndecodableBatch", "is_undecodable", "next_decodable", "skip_undecodable"]

_ANSWER_MS: Final = 1_000
_PATIENCE: Final = 10
_UNDECODABLE: Final = (CorruptRecordException, UnsupportedCodecError)
_OURS_OR_PASSING: Final = (KafkaError, OSError, MemoryError, AssertionError)


class UndecodableBatch(CorruptRecordException):  # type: ignore[misc]  # aiokafka is not typed
    """A batch that arrived as it was sent and cannot be read; its cause is chained."""

    def __init__(self, until: int) -> None:
        super().__init__()
        self.until = until
        """The offset behind it."""


def is_undecodable(error: Exception) -> bool:
    """Whether the bytes are at fault: what the broker or the network did passes."""
    return isinstance(error, _UNDECODABLE) or not isinstance(error, _OURS_OR_PASSING)


async def next_decodable(consumer: AIOKafkaConsumer, place: TopicPartition, at: int) -> int:
    """The first offset behind `at` that can be read, or the log's end. Leaves `place` paused.

    Raises:
        Unavailable: the broker does not answer; no offset is passed over for that.

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


async def skip_undecodable(
    store: Store, mark: Watermark, *, topic: str, partition: int, until: int, cause: str
) -> Watermark:
    """Park what lies between the watermark and `until`, by its position, and go on behind it."""
    row = {
        "_id": f"{topic}|{partition}|{mark.offset}",
        "state": "unreadable",
        "reason": f"the batch cannot be read ({cause})",
        "cause": f"the batch cannot be read ({cause})",
        "at": store.clock(),
        "topic": topic,
        "partition": partition,
        "offset": mark.offset,
        "until": until,
    }
    async with store.transaction(mark.session) as session:
        await offset_store.move(store, mark, until, session)
        await store.db.parked.replace_one({"_id": row["_id"]}, row, upsert=True, session=session)
        reach("unreadable.before_commit")
    reach("unreadable.after_commit")
    return replace(mark, offset=until)
