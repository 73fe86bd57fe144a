"""Skipping a batch that cannot be decoded: its offsets are parked, and the watermark moves past it."""

from dataclasses import replace

from shared.crash_points import reach
from shared.engine.consume import offset_store
from shared.engine.consume.offset_store import Watermark
from shared.engine.store.store import Store

__all__ = ["skip_undecodable"]


async def skip_undecodable(
    store: Store, mark: Watermark, *, topic: str, partition: int, until: int, cause: str
) -> Watermark:
    """Park the offsets from the watermark to `until`, and return the watermark at `until`.

    Raises:
        Fenced, Conflict, Unavailable: nothing was written, or the outcome is unknown.

    """
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
