"""A batch that cannot be read at all: an odd codec, a broken checksum.

It is kept by position, the watermark moves behind it, and the partition flows on. The client gives
no bytes of such a batch, so its end is found by asking for one offset after the other.
"""

from dataclasses import replace
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.engine import watermarks
from shared.engine.store import Store
from shared.engine.watermarks import Watermark

__all__ = ["next_readable", "step_over"]

_ANSWER_MS: Final = 1_000


async def next_readable(consumer: AIOKafkaConsumer, place: TopicPartition, at: int) -> int:
    """The first offset behind `at` that can be read, or the log's end. Leaves `place` paused."""
    end = int((await consumer.end_offsets([place]))[place])
    for candidate in range(at + 1, end):
        consumer.seek(place, candidate)
        try:
            polled = await consumer.getmany(place, timeout_ms=_ANSWER_MS, max_records=1)
        except Exception:  # noqa: BLE001, S112 - still inside the batch, whatever it raises
            continue
        if polled.get(place):
            end = candidate
            break
    consumer.pause(place)
    return end


async def step_over(
    store: Store, mark: Watermark, *, topic: str, partition: int, until: int, cause: str
) -> Watermark:
    """Park what lies between the watermark and `until`, by its position, and go on behind it."""
    row = {
        "_id": f"{topic}|{partition}|{mark.offset}",
        "state": "unreadable",
        "reason": f"the batch cannot be read ({cause})",
        "at": store.clock(),
        "topic": topic,
        "partition": partition,
        "offset": mark.offset,
        "until": until,
    }
    async with store.transaction(mark.session) as session:
        await watermarks.move(store, mark, until, session)
        await store.db.parked.replace_one({"_id": row["_id"]}, row, upsert=True, session=session)
    return replace(mark, offset=until)
