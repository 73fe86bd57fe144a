"""How far each of the service's own topics has been told, as its store remembers it.

Noted after the broker's word, every few seconds and at the end: late, never early. What lies beyond
in the topic is either known to the store, or the store was put back (`restored`).
"""

from collections.abc import Collection
from time import monotonic
from typing import Final

from pymongo import UpdateOne

from shared.engine.store import Store

__all__ = ["COLLECTION", "Published", "key_of"]

COLLECTION: Final = "published"

_EVERY_S: Final = 2.0

Place = tuple[str, int]


def key_of(topic: str, partition: int) -> str:
    """The key under which a partition's position is stored."""
    return f"{topic}|{partition}"


class Published:
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
        await save(self._store, noted)  # cancelled in the middle, it is written again at the end
        self._new = {place: at for place, at in self._new.items() if noted.get(place) != at}


async def save(store: Store, noted: dict[Place, int]) -> None:
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
        )
