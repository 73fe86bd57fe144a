"""How far the service's own topics are published, as its store knows it.

Positions are stored after the broker's acknowledgement, every few seconds and at the end: late, never
early. Facts beyond a position are known to the store, or the store was restored (see
`shared.engine.rollback`).
"""

from collections.abc import Collection
from time import monotonic
from typing import Final

import structlog
from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from shared.engine.store.store import Store
from shared.errors import Away, Conflict, Unavailable

__all__ = ["COLLECTION", "RelayPositions", "key_of"]

COLLECTION: Final = "published"

_EVERY_S: Final = 2.0

log = structlog.get_logger()

Place = tuple[str, int]


def key_of(topic: str, partition: int) -> str:
    """Return the key under which a partition's position is stored."""
    return f"{topic}|{partition}"


class RelayPositions:
    """Positions that the broker has acknowledged, and that are not all stored yet."""

    def __init__(self, store: Store, topics: Collection[str]) -> None:
        self._store = store
        self._topics = frozenset(topics)
        self._new: dict[Place, int] = {}
        self._next_at = 0.0

    def note(self, place: Place, offset: int) -> None:
        """Note that all before `offset` is acknowledged; `save` stores it."""
        if place[0] in self._topics and offset > 0:
            self._new[place] = offset

    async def save(self, *, now: bool = False) -> None:
        """Store the noted positions, every few seconds or at once."""
        if not self._new or (not now and monotonic() < self._next_at):
            return
        self._next_at = monotonic() + _EVERY_S
        noted = dict(self._new)
        seen = self._store.rollback.seen
        try:
            async with self._store.transaction() as session:
                await self._store.rollback.check(seen, session)
                await save(
                    self._store, noted, session
                )  # if it is cancelled here, it is saved again
        except Away:  # the store was restored: facts that it does not know must be found again
            self._new.clear()
        except (Conflict, Unavailable) as error:
            log.info("published_waits", error=type(error).__name__)
            return
        self._new = {place: at for place, at in self._new.items() if noted.get(place) != at}


async def save(
    store: Store, noted: dict[Place, int], session: AsyncClientSession | None = None
) -> None:
    """Store positions."""
    if noted:
        await store.db[COLLECTION].bulk_write(
            [
                UpdateOne(
                    {"_id": key_of(topic, partition)},
                    {"$set": {"topic": topic, "partition": partition, "offset": offset}},
                    upsert=True,
                )
                for (topic, partition), offset in noted.items()
            ],
            ordered=False,
            session=session,
        )
