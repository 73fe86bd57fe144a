"""Ids of topics, looked up once for all partitions of a topic, and cached for a second."""

import asyncio
from time import monotonic
from typing import Final

from shared.engine.kafka.connection import Connection

__all__ = ["TopicIds"]

_VALID_S: Final = 1.0


class TopicIds:
    """Caches the ids that the broker gave to topics when they were made."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lookups: dict[str, tuple[float, asyncio.Task[str]]] = {}

    async def id_of(self, topic: str) -> str:
        """Return a topic's id; raises Unavailable while the broker does not answer."""
        since, task = self._lookups.get(topic, (0.0, None))
        if task is None or monotonic() - since > _VALID_S or _failed(task):
            task = asyncio.create_task(self._connection.topic_id(topic))
            self._lookups[topic] = (monotonic(), task)
        return await asyncio.shield(task)

    async def current(self, topics: set[str]) -> dict[str, str]:
        """Ask the broker for the ids of these topics, past the cache. Unknown topics are left out."""
        return await self._connection.topic_ids(topics)

    def forget(self) -> None:
        """Clear the cache."""
        self._lookups.clear()


def _failed(task: asyncio.Task[str]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
