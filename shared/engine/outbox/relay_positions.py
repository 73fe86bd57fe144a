"""How far each of the service's own topics has been told, as its store remembers it.

Noted after the broker's word, every few seconds and at the end: late, never early. What lies beyond
in the topic is either known to the store, or the store was put back (`restored`).
"""

from collections.abc import Collection
from time import monotonic
from typing import Final

import structlog
from pymongo import UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from shared.engine.store import heartbeat
from shared.engine.store.store import Store
from shared.errors import Away, Conflict, Unavailable

__all__ = ["COLLECTION", "RelayPositions", "key_of"]

COLLECTION: Final = "published"

_EVERY_S: Final = 2.0

log = structlog.get_logger()

Place = tuple[str, int]


def key_of(topic: str, partition: int) -> str:
    """The key under which a partition's position is stored."""
    return f"{topic}|{partition}"


class RelayPositions:
    """What one relay was told by the broker and has not noted yet."""

    def __init__(self, store: Store, topics: Collection[str]) -> None:
        self._store = store
        self._topics = frozenset(topics)
        self._new: dict[Place, int] = {}
        self._next_at = 0.0

    def note(self, place: Place, offset: int) -> None:
        """Remember that all before `offset` has landed; it is stored by `save`."""
        if place[0] in self._topics and offset > 0:
            self._new[place] = offset

    async def save(self, *, now: bool = False) -> None:
        """Store what was noted, every few seconds or at once."""
        if not self._new or (not now and monotonic() < self._next_at):
            return
        self._next_at = monotonic() + _EVERY_S
        noted = dict(self._new)
        seen = self._store.heartbeat
        try:
            async with self._store.transaction() as session:
                await heartbeat.check(self._store, seen, session)
                await save(self._store, noted, session)  # cancelled in the middle, it comes again
        except Away:  # it was put back: what it does not know must not be taken for known
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
