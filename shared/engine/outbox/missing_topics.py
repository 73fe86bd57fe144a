"""Topics that the broker does not know at present. They are looked up again from time to time."""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.engine.kafka.connection import Connection

__all__ = ["MissingTopics"]

_ANSWER_S: Final = 0.5
_ASK_AGAIN_S: Final = 1.0
_GONE_AFTER_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Absence:
    since: float
    ask_again_at: float


class MissingTopics:
    """Notes since when a topic is missing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._missing: dict[str, _Absence] = {}

    @property
    def names(self) -> list[str]:
        """Topics that were missing a moment ago."""
        now = monotonic()
        return [topic for topic, absence in self._missing.items() if now < absence.ask_again_at]

    async def partitions(self, producer: AIOKafkaProducer, topic: str) -> list[int] | None:
        """Return a topic's partitions, or None while they are unknown."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                partitions = sorted(await producer.partitions_for(topic))
        except (KafkaError, TimeoutError):
            known = self._missing.get(topic)
            now = monotonic()
            self._missing[topic] = _Absence(known.since if known else now, now + _ASK_AGAIN_S)
            return None
        self._missing.pop(topic, None)
        return partitions

    async def is_gone(self, topic: str) -> bool:
        """Whether the topic was missing for long, and the broker confirms that it does not exist.

        A broker that does not answer confirms nothing.
        """
        absence = self._missing.get(topic)
        if absence is None or monotonic() - absence.since < _GONE_AFTER_S:
            return False
        return await self._connection.lacks(topic)
