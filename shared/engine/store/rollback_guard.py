"""The seam for rollbacks: what a store asks about having been restored to an earlier state.

The engine's other layers know this protocol alone. `shared.engine.rollback` implements it.
"""

from collections.abc import Sequence
from typing import Protocol

from pymongo.asynchronous.client_session import AsyncClientSession

from shared.engine.store.numbering import Counting, Numbering
from shared.engine.store.unit_of_work import Unit

__all__ = ["NoRollbackGuard", "RollbackGuard"]


class RollbackGuard(Protocol):
    """Notices that the database was restored, and numbers facts by what was sent before."""

    closed: str | None
    """Why no transaction may begin at present; None while the store is open."""
    seen: int
    """The last heartbeat of the database that this process has read."""
    was_rolled_back: bool
    """Whether facts may have been sent that the database does not know."""

    async def check(self, seen: int, session: AsyncClientSession | None = None) -> None:
        """Make sure that the database has at least the heartbeat `seen`.

        Args:
            seen: the guard's `seen` before the first read that the decision depends on.
            session: the session of the transaction that depends on it; None outside of one.

        Raises:
            Away: the database was restored; the store is closed until it has been compared.
            PyMongoError: the database does not answer.

        """
        ...

    async def learn(self, unit: Unit, subjects: Sequence[str], session: AsyncClientSession) -> None:
        """Load what was sent about these subjects and is unknown to the database."""
        ...

    async def write(self, unit: Unit, session: AsyncClientSession) -> None:
        """Write what the unit's numbering has learned, in the unit's transaction."""
        ...

    def numbering(self) -> Numbering:
        """Return the numbering of a new unit of work."""
        ...


class NoRollbackGuard:
    """The guard of a store that is never restored: it checks and writes nothing."""

    def __init__(self) -> None:
        self.closed: str | None = None
        self.seen = 0
        self.was_rolled_back = False

    async def check(self, seen: int, session: AsyncClientSession | None = None) -> None:
        """Accept every heartbeat."""

    async def learn(self, unit: Unit, subjects: Sequence[str], session: AsyncClientSession) -> None:
        """Load nothing."""

    async def write(self, unit: Unit, session: AsyncClientSession) -> None:
        """Write nothing."""

    def numbering(self) -> Numbering:
        """Return plain counting."""
        return Counting()
