"""What a subscription does with its records: the border between the engine and a service."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from shared.engine.records import Record
from shared.engine.store.document import Needs
from shared.engine.store.unit_of_work import Unit

__all__ = ["NOTHING", "Processor"]

A = TypeVar("A")

NOTHING: Mapping[str, Any] = {}


class Processor(Protocol, Generic[A]):
    """Turns records into arrivals and lets each have its effect.

    `prepare` may use the network and runs before the transaction, again whenever the batch is
    taken again: what it does must be harmless to repeat. `take` works in memory only.
    """

    most: int
    """Records that one batch may hold."""

    async def prepare(self, records: Sequence[Record]) -> Sequence[A]:
        """Read the records, in their order, one arrival for each.

        A door may stop early, though not before the first: what it left out is a batch of its own.
        """
        ...

    def needs(self, arrival: A) -> Needs:
        """Documents that `take` will ask for."""
        ...

    def case_of(self, arrival: A) -> str | None:
        """The case whose document and room it needs, if it is about one."""
        ...

    def take(self, arrival: A, unit: Unit) -> None:
        """Let the arrival have its effect.

        Raises:
            Rejected: it can never succeed; the engine asks the door to `park` it.

        """
        ...

    def park(self, arrival: A, unit: Unit, reason: str, cause: str) -> None:
        """Keep what can never succeed, and stop what must not overtake it."""
        ...
