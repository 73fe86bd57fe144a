"""A broken connection to the broker raises the error that the client expects: a Kafka error.

Under uvloop, a write to a connection that the broker has just reset raises RuntimeError, until the
reader notices. aiokafka 0.14 handles OSError only (its issue 1038), so the error silently ends the
task that was writing. If that is the task that updates the cluster metadata, the client never gets
offsets again, although every connection is new: assigned partitions are never taken.

So its connection class is replaced, once, in the module that makes connections. A newer aiokafka
without these names stops the start. tests/edge/test_engine_connections.py fails if aiokafka makes its
connections elsewhere.
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
    """Replace aiokafka's connection class. A second call changes nothing."""
    conn.AIOKafkaConnection = _Connection
