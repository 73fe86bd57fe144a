"""Watermarks: the position of each partition, stored beside the effects of its events.

A watermark belongs to a topic's id, not to its name: a topic that is removed and made again starts at
0. Its epoch rises whenever an owner takes the partition, which fences the owner before. An open
transaction of that owner's session is ended at once, so a successor does not wait for a dead process.
"""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from shared.crash_points import reach
from shared.engine.failures.mongo_errors import translated
from shared.engine.store.document import Document
from shared.engine.store.store import Store
from shared.errors import Fenced, Halted

__all__ = ["Head", "Watermark", "accept", "is_taken", "move", "read", "stored", "take"]


_ACCEPT: Final = "let their sender send them again, if it can; then go on without them: accept-gap"
_BROKER: Final = (
    "put the broker's data back, or create the topic again from its declaration, and resume"
)


class Head(Enum):
    """What a log's beginning is, for a reader whose position is not in the log."""

    WHOLE = "whole"
    """Nothing may be missing."""
    CUT = "cut"
    """Its head is cut where later events say it all again: a new reader begins at the log's start."""
    EXPIRES = "expires"
    """Events lose their meaning before they are removed: any reader goes on at the log's start."""

    @property
    def collection(self) -> str:
        """Where the watermarks of such logs are.

        Those of logs that say everything again lie apart: after a rollback nothing needs to be
        compared with them, and a version that does not know such logs does not ask for them.
        """
        return "watermarks" if self is Head.WHOLE else "state_marks"


@dataclass(frozen=True, slots=True)
class Watermark:
    """A partition's position as one owner holds it."""

    id: str
    """`<topic id>|<partition>`."""
    offset: int
    """The next offset to be processed."""
    epoch: int
    session: AsyncClientSession
    """The owner's own session. All its batches are transactions of it."""
    head: Head = Head.WHOLE
    """What the log's beginning is."""

    def is_of(self, topic_id: str) -> bool:
        """Whether it belongs to the topic of that id."""
        return self.id.startswith(f"{topic_id}|")


def watermark_id(topic_id: str, partition: int) -> str:
    """Return the key under which a partition's watermark is stored."""
    return f"{topic_id}|{partition}"


async def take(
    store: Store,
    *,
    topic: str,
    topic_id: str,
    partition: int,
    log_start: int,
    log_end: int,
    head: Head = Head.WHOLE,
) -> Watermark:
    """Become the owner of a partition: raise its epoch, and return its position.

    Raises:
        Halted: the log does not hold the position any more, or never did: the events between were
            lost, or belong to another log. An operator decides; see `accept`.
        Unavailable: MongoDB does not answer.

    """
    key = watermark_id(topic_id, partition)
    place = f"{topic}, partition {partition}"
    marks = store.db[head.collection]
    session = store.client.start_session()
    try:
        await _pass_over_the_missing(store, key, head, log_start)
        known = await marks.find_one({"_id": key})
        if known is not None and "session" in known:
            # a killed owner's open transaction would lock the watermark until it times out
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
        row = await marks.find_one_and_update(
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
    return Watermark(key, row["offset"], row["epoch"], session, head)


async def _pass_over_the_missing(store: Store, key: str, head: Head, log_start: int) -> None:
    """Let a reader begin at the log's start where nothing that it needs is missing before it."""
    if head is Head.WHOLE or log_start == 0:
        return
    at_start = {"offset": log_start}
    begins = {"$setOnInsert": at_start} if head is Head.CUT else {"$max": at_start}
    await store.db[head.collection].update_one({"_id": key}, begins, upsert=True)


async def read(store: Store, mark: Watermark) -> Watermark:
    """Return the stored watermark.

    Raises:
        Fenced: another owner has taken the partition.
        Unavailable: MongoDB does not answer.

    """
    try:
        row = await _majority(store, mark.head).find_one({"_id": mark.id})
    except PyMongoError as error:
        raise translated(error) from error
    if row is None or row["epoch"] != mark.epoch:
        raise Fenced("another owner has taken the partition")
    return replace(mark, offset=row["offset"])


def _majority(store: Store, head: Head) -> AsyncCollection[Document]:
    """Return the watermarks as a majority of MongoDB's nodes has them: they cannot be lost."""
    return store.db[head.collection].with_options(read_concern=ReadConcern("majority"))


async def move(store: Store, mark: Watermark, to: int, session: AsyncClientSession) -> None:
    """Move the watermark in the batch's transaction, if the batch begins at it.

    Raises:
        Fenced: the batch begins elsewhere, or another owner has taken the partition.

    """
    moved = await store.db[mark.head.collection].update_one(
        {"_id": mark.id, "offset": mark.offset, "epoch": mark.epoch},
        {"$set": {"offset": to}},
        session=session,
    )
    if moved.matched_count != 1:
        raise Fenced("the watermark is not where this batch begins")


async def stored(
    store: Store, topic_id: str, partition: int, head: Head = Head.WHOLE
) -> int | None:
    """Return the stored offset of a partition, or None. The owner does not matter."""
    row = await store.db[head.collection].find_one({"_id": watermark_id(topic_id, partition)})
    return None if row is None else int(row["offset"])


async def is_taken(store: Store, topic: str) -> bool:
    """Whether any process of the service has ever taken a partition of the topic."""
    return await store.db.watermarks.find_one({"topic": topic}, {"_id": 1}) is not None


async def accept(
    store: Store,
    *,
    topic_id: str,
    topic: str,
    partition: int,
    offset: int,
    head: Head = Head.WHOLE,
) -> None:
    """Set the watermark to the log's start, as an operator decided; events before it are given up."""
    await store.db[head.collection].update_one(
        {"_id": watermark_id(topic_id, partition)},
        {
            "$set": {"offset": offset, "topic": topic, "partition": partition},
            "$inc": {"epoch": 1},
        },
        upsert=True,
    )
