"""What a subscription does with its records: the interface between the engine and a service."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from shared.engine.records import Record
from shared.engine.store.document import Needs
from shared.engine.store.unit_of_work import Unit

__all__ = ["Processor"]

A = TypeVar("A")


class Processor(Protocol, Generic[A]):
    """Turns records into arrivals, and processes each.

    `prepare` may use the network. It runs before the transaction, and again whenever the batch is
    retried, so it must be safe to repeat. `take` works in memory only.
    """

    most: int
    """Records that one batch may hold."""

    async def prepare(self, records: Sequence[Record]) -> Sequence[A]:
        """Read the records, in their order, one arrival for each.

        A processor may stop early, after one record at least. The rest becomes a batch of its own.
        """
        ...

    def needs(self, arrival: A) -> Needs:
        """Return the documents that `take` will load, as collection -> ids."""
        ...

    def case_of(self, arrival: A) -> str | None:
        """Return the case whose document and parked events are loaded, if there is one."""
        ...

    def take(self, arrival: A, unit: Unit) -> None:
        """Process the arrival.

        Raises:
            Rejected: it can never succeed. The engine calls `park`.

        """
        ...

    def park(self, arrival: A, unit: Unit, reason: str, cause: str) -> None:
        """Park an arrival that can never succeed, and its case, so that no later event overtakes it."""
        ...
