"""A health probe: whether broker and database answer a new client that shares nothing with the workers.

A worker that fails reports that the broker or MongoDB is down. It reports the same if its own client
is broken, and would wait for ever. So the watchdog asks with new connections.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from shared.engine.kafka.connection import Connection

__all__ = ["HealthProbe"]

_ANSWER_MS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthProbe:
    """Asks broker and database with new connections each time."""

    connection: Connection
    mongo_uri: str
    database: str
    """The service's own; it has the service's name."""

    async def is_answered(self, topics: Iterable[str]) -> bool:
        """Whether the broker describes the topics and MongoDB acknowledges a write, both now."""
        answers = await asyncio.gather(self.broker_answers(topics), self._database_answers())
        return all(answers)

    async def broker_answers(self, topics: Iterable[str]) -> bool:
        """Whether the broker describes the topics."""
        wanted = set(topics)
        return wanted <= (await self.connection.topic_ids(wanted)).keys()

    async def _database_answers(self) -> bool:
        """Whether MongoDB acknowledges a write. With a full disk or no majority it still answers reads."""
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            self.mongo_uri, timeoutMS=_ANSWER_MS, appname=f"{self.database} witness"
        )
        try:
            leases = client[self.database].get_collection(
                "leases", write_concern=WriteConcern("majority", j=True)
            )
            await leases.update_one(
                {"_id": "witness"}, {"$currentDate": {"asked_at": True}}, upsert=True
            )
        except PyMongoError:
            return False
        finally:
            await client.close()
        return True
