"""How far each partition has had its effect: the one position that counts, kept beside the effects.

A watermark belongs to a topic's id, not to its name: a topic that is removed and made again starts
at 0. Its epoch goes up whenever an owner takes the partition, which fences the owner before; what
that owner's session has open is ended at once, so a successor does not wait for a dead process.
"""

from dataclasses import dataclass, replace
from typing import Final

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from shared.engine.failures.crash_points import reach
from shared.engine.failures.mongo_errors import translated
from shared.engine.store.document import Document
from shared.engine.store.store import Store
from shared.errors import Fenced, Halted

__all__ = ["Watermark", "accept", "is_taken", "move", "read", "stored", "take"]


_ACCEPT: Final = (
    "let whoever wrote them send them again, if they can; then go on without them: accept-gap"
)
_BROKER: Final = (
    "put the broker's data back, or make the topic anew under its declaration, and resume"
)


@dataclass(frozen=True, slots=True)
class Watermark:
    """A partition's position as one owner holds it."""

    id: str
    """`<topic id>|<partition>`."""
    offset: int
    """The next offset to be taken."""
    epoch: int
    session: AsyncClientSession
    """The owner's own session: all its batches are transactions of it."""

    def is_of(self, topic_id: str) -> bool:
        """Whether it belongs to the topic of that id."""
        return self.id.startswith(f"{topic_id}|")


def watermark_id(topic_id: str, partition: int) -> str:
    """The key under which a partition's watermark is stored."""
    return f"{topic_id}|{partition}"


async def take(
    store: Store, *, topic: str, topic_id: str, partition: int, log_start: int, log_end: int
) -> Watermark:
    """Become the owner of a partition: bump its epoch and return where to go on.

    Raises:
        Halted: the log does not hold the position any more (or never held it): what lies between
            was lost or belongs to another log. A person decides; see `accept`.

    """
    key = watermark_id(topic_id, partition)
    place = f"{topic}, partition {partition}"
    session = store.client.start_session()
    try:
        known = await store.db.watermarks.find_one({"_id": key})
        if known is not None and "session" in known:
            # a killed owner's open transaction would hold the watermark until it times out
            await store.client.admin.command("killSessions", [{"id": known["session"]}])
        if known is None and log_start > 0:
            raise Halted(
                f"{place}: the log starts at {log_start}, and nothing before it was ever taken in: "
                f"{log_start} events are gone from the log",
                _ACCEPT,
            )
        if known is not None and not log_start <= known["offset"] <= log_end:
            lost = log_start - known["offset"]
            raise Halted(
                f"{place}: the position {known['offset']} lies outside the log, "
                f"which goes from {log_start} to {log_end}"
                + (
                    f": the {lost} events from {known['offset']} to {log_start - 1} are gone"
                    if lost > 0
                    else ": the broker has lost what was taken in already"
                ),
                _ACCEPT if lost > 0 else _BROKER,
            )
        reach("watermark.between_fence_and_take")
        row = await store.db.watermarks.find_one_and_update(
            {"_id": key},
            {
                "$inc": {"epoch": 1},
                "$setOnInsert": {"offset": 0},
                "$set": {
                    "topic": topic,
                    "partition": partition,
                    "session": session.session_id["id"],
                },
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
    except PyMongoError as error:
        raise translated(error) from error
    assert row is not None  # noqa: S101 - an upsert returns what it made
    return Watermark(key, row["offset"], row["epoch"], session)


async def read(store: Store, mark: Watermark) -> Watermark:
    """Return where the watermark stands now.

    Raises:
        Fenced: another owner has taken the partition.
        Unavailable: MongoDB is away.

    """
    try:
        row = await _majority(store).find_one({"_id": mark.id})
    except PyMongoError as error:
        raise translated(error) from error
    if row is None or row["epoch"] != mark.epoch:
        raise Fenced("another owner has taken the partition")
    return replace(mark, offset=row["offset"])


def _majority(store: Store) -> AsyncCollection[Document]:
    """What cannot be rolled back any more: a worker goes on from it."""
    return store.db.watermarks.with_options(read_concern=ReadConcern("majority"))


async def move(store: Store, mark: Watermark, to: int, session: AsyncClientSession) -> None:
    """Move the watermark inside the batch's transaction, if it stands where the batch begins.

    Raises:
        Fenced: it does not, or another owner has taken the partition.

    """
    moved = await store.db.watermarks.update_one(
        {"_id": mark.id, "offset": mark.offset, "epoch": mark.epoch},
        {"$set": {"offset": to}},
        session=session,
    )
    if moved.matched_count != 1:
        raise Fenced("the watermark is not where this slice begins")


async def stored(store: Store, topic_id: str, partition: int) -> int | None:
    """The offset that is stored for a partition, whoever owns it."""
    row = await store.db.watermarks.find_one({"_id": watermark_id(topic_id, partition)})
    return None if row is None else int(row["offset"])


async def is_taken(store: Store, topic: str) -> bool:
    """Whether any process of the service has ever taken a partition of the topic."""
    return await store.db.watermarks.find_one({"topic": topic}, {"_id": 1}) is not None


async def accept(store: Store, *, topic_id: str, topic: str, partition: int, offset: int) -> None:
    """Go on from the log's start, giving up what lies below it: an operator's logged decision."""
    await store.db.watermarks.update_one(
        {"_id": watermark_id(topic_id, partition)},
        {
            "$set": {"offset": offset, "topic": topic, "partition": partition},
            "$inc": {"epoch": 1},
        },
        upsert=True,
    )
