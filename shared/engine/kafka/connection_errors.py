"""A connection to the broker that broke says so as the client expects it: as a Kafka error.

Under uvloop, writing to a connection that the broker has just reset raises RuntimeError, for the
moment until the reader notices. aiokafka 0.14 waits for OSError alone (its issue 1038), so the error
ends whichever task of its own was writing, without a word. When that is the one that learns about
the brokers, the client asks in vain from then on, though every connection is made anew: offsets are
never told, and partitions that come to this process are never taken.

So its connection class is replaced, once, in the module that makes connections. A newer aiokafka
without these names stops the start; tests/edge/test_engine_connections.py fails where it no longer
makes its connections there.
"""

from typing import Any

from aiokafka import conn
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

__all__ = ["name_broken_connections"]


class _Connection(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka is not typed
    def send(self, request: Any, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002 - theirs
        try:
            return super().send(request, expect_response)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken") from error


def name_broken_connections() -> None:
    """Let aiokafka's connections name what uvloop says of a broken one; a second call is nothing."""
    conn.AIOKafkaConnection = _Connection
