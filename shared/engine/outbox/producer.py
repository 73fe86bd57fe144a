"""The relay's producer: idempotent, opened when it is needed, and closed after a failure."""

import asyncio
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaProducer

from shared.engine.kafka.connection import Connection

__all__ = ["IdempotentProducer"]

_BATCH_BYTES: Final = 1_040_000
_CLOSE_S: Final = 5.0


class IdempotentProducer:
    """Holds one open producer at most."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> AIOKafkaProducer:
        """Return the open producer, or start one; raises KafkaError while the broker is down."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._connection.aiokafka,
                acks="all",
                enable_idempotence=True,
                max_batch_size=_BATCH_BYTES,
                max_request_size=_BATCH_BYTES + 4096,
                request_timeout_ms=10_000,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def close(self) -> None:
        """Close the producer, if one is open, within 5 s."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                async with asyncio.timeout(_CLOSE_S):
                    await producer.stop()
