"""A service's own database: one transaction holds effects, marks, watermark, parked rows and outbox."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from random import uniform
from time import monotonic
from typing import Final, TypeVar

from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared.crash_points import reach
from shared.engine.failures.mongo_errors import translated
from shared.engine.limits.memory_budget import Budget
from shared.engine.store import writes
from shared.engine.store.audit_writers import AuditWriters
from shared.engine.store.document import Document, Needs
from shared.engine.store.reads import BoundedReads
from shared.engine.store.rollback_guard import NoRollbackGuard, RollbackGuard
from shared.engine.store.unit_of_work import Unit
from shared.errors import Away, Conflict, Taken, Unavailable
from shared.observability import metrics
from shared.observability.tracing import Tracing
from shared.staff import audit

__all__ = ["Store"]

T = TypeVar("T")
Operation = Callable[[AsyncClientSession], Awaitable[T]]

_PAUSES: Final = (0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
_PATIENCE_S: Final = 30.0
"""How long a step is repeated, at least, while other writers of the same documents succeed."""
_COUNTED: Final = 1_000
_MAJORITY: Final = WriteConcern("majority", j=True)


class Store:
    """One service's database. Everything in it changes by units of work."""

    def __init__(
        self,
        client: AsyncMongoClient[Document],
        name: str,
        *,
        cases: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        budget: Budget | None = None,
        rollback: RollbackGuard | None = None,
    ) -> None:
        self.client = client
        self.budget = budget or Budget()
        self.db: AsyncDatabase[Document] = client[name]
        self.cases = cases
        self.clock = clock
        self.rollback = rollback or NoRollbackGuard()
        self.reads = BoundedReads(self.db, self.budget)
        self._audit_writers = AuditWriters(self.db)
        self.tracing: Tracing | None = None
        """Where spans of committed transactions are recorded; None if tracing is off."""
        self.committed = asyncio.Event()
        """Set after a commit that added to the outbox: wakes the relay."""

    def unit(self, now: datetime | None = None) -> Unit:
        """Return an empty unit of work, at `now` or at the present time."""
        return Unit(
            cases=self.cases,
            now=now or self.clock(),
            tracing=self.tracing,
            numbering=self.rollback.numbering(),
        )

    @asynccontextmanager
    async def transaction(
        self, session: AsyncClientSession | None = None
    ) -> AsyncIterator[AsyncClientSession]:
        """Open a snapshot transaction; commit at the end, abort on any error.

        Args:
            session: the session to use (a worker has its own); a new one by default.

        Raises:
            Conflict: another transaction was first; nothing was written.
            Unavailable: MongoDB does not answer, the outcome of the commit is unknown, or the
                store is closed.

        """
        if self.rollback.closed is not None:
            raise Away(self.rollback.closed)
        try:
            async with AsyncExitStack() as stack:
                if session is None:
                    session = await stack.enter_async_context(self.client.start_session())
                stack.callback(self._audit_writers.release, session)
                await stack.enter_async_context(
                    await session.start_transaction(
                        read_concern=ReadConcern("snapshot"), write_concern=_MAJORITY
                    )
                )
                yield session
        except PyMongoError as error:
            raise translated(error) from error

    async def load(self, unit: Unit, needs: Needs, session: AsyncClientSession) -> None:
        """Load the documents that the unit does not hold yet, with one query per collection.

        Raises:
            TooMuch: the unit would hold more than it may.

        """
        for collection, ids in needs.items():
            wanted = [each for each in dict.fromkeys(ids) if not unit.tracks(collection, each)]
            if wanted:
                await self.reads.load(unit, collection, wanted, session)
                await self.rollback.learn(unit, wanted, session)

    async def load_parked(
        self, unit: Unit, cases: Iterable[str], session: AsyncClientSession
    ) -> list[Document]:
        """Load parked events of cases; see `BoundedReads.load_parked`."""
        return await self.reads.load_parked(unit, cases, session)

    async def count_outbox(self) -> int:
        """Return how many outbox documents wait; an estimate from 1,000 on.

        MongoDB's own estimate may stay wrong for ever after mongod was killed: an empty outbox
        would look full, and a full one empty.
        """
        counted = await self.db.outbox.count_documents({}, limit=_COUNTED)
        if counted < _COUNTED:
            return counted
        return max(_COUNTED, await self.db.outbox.estimated_document_count())

    async def write(self, unit: Unit, session: AsyncClientSession) -> None:
        """Write all that the unit holds, in the session's transaction.

        Raises:
            Conflict: another transaction has written a document since it was loaded.

        """
        await self.rollback.write(unit, session)
        logged = [row for collection, row in unit.rows if collection == audit.COLLECTION]
        if logged:
            await self._audit_writers.stamp(logged, session)
        await writes.write(self.db, unit, session)

    def settle(self, unit: Unit) -> None:
        """Record the spans of a committed unit, count its messages, and wake the relay."""
        if unit.trace.spans and self.tracing is not None:
            self.tracing.tell(unit.trace.spans)
        if messages := unit.outgoing.messages:
            metrics.emitted([message.envelope.type for message in messages])
            self.committed.set()

    async def log(self, row: audit.AuditRow, row_id: str | None = None) -> None:
        """Write one audit row by itself; return once it is durable.

        With a `row_id` it is written once: a second one of that id does nothing.

        Raises:
            Unavailable: the database did not answer, so nothing may be shown.

        """
        for pause in (*_PAUSES, None):
            unit = self.unit()
            unit.add(audit.COLLECTION, row.document(row_id))
            try:
                async with self.transaction() as session:
                    await self.write(unit, session)
            except Taken:
                if row_id is not None:
                    return
                raise
            except Conflict:
                if pause is None:
                    raise
                await asyncio.sleep(uniform(0, pause))  # noqa: S311 - jitter, as below
            else:
                return

    async def act(self, key: str, needs: Needs, decide: Callable[[Unit], T]) -> T:
        """Carry out an action of staff or of the service itself, once for its `key`.

        The action's transaction stores the key with the outcome, and each try looks it up first. So
        a retry after an unknown commit returns the stored outcome (docs/protocol.md, rule 3).
        `decide` works in memory and may run several times. From the second try on, the documents
        are locked before they are read: otherwise the action could lose to a busy case every time.

        Raises:
            Rejected: from `decide`; nothing is written.
            Unavailable: MongoDB did not answer in any try.

        """
        committed: list[Unit] = []
        tries = 0

        async def step(session: AsyncClientSession) -> T:
            nonlocal tries
            committed.clear()
            tries += 1
            if tries > 1:
                await self._claim(needs, session)
            done = await self.db.actions.find_one({"_id": key}, session=session)
            if done is not None:
                return done["outcome"]  # type: ignore[no-any-return]  # stored as it was returned
            unit = self.unit()
            await self.load(unit, needs, session)
            outcome = decide(unit)
            unit.add("actions", {"_id": key, "at": unit.now, "outcome": outcome})
            await self.write(unit, session)
            committed.append(unit)
            reach("action.before_commit")
            return outcome

        outcome = await self.persist(step)
        reach("action.after_commit")
        for unit in committed:
            self.settle(unit)
        self.committed.set()
        return outcome

    async def _claim(self, needs: Needs, session: AsyncClientSession) -> None:
        for collection, ids in needs.items():
            await self.db[collection].update_many(
                {"_id": {"$in": list(ids)}}, {"$inc": {"version": 1}}, session=session
            )

    async def persist(self, step: Operation[T]) -> T:
        """Run `step` in a transaction until it commits. The step must be safe to repeat.

        All tries use one session. So a try ends the transaction that an earlier try left open when
        its connection broke; that one would lock the documents until it times out.
        """
        patient_until, tries = monotonic() + _PATIENCE_S, 0
        async with self.client.start_session() as session:
            while True:
                seen = self.rollback.seen
                try:
                    async with self.transaction(session):
                        await self.rollback.check(seen, session)
                        return await step(session)
                except (Conflict, Unavailable) as error:
                    is_rival = isinstance(error, Conflict) and not isinstance(error, Taken)
                    until = patient_until if is_rival else 0.0
                    if tries >= len(_PAUSES) and monotonic() > until:
                        raise
                    pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
                    await asyncio.sleep(uniform(0, pause))  # noqa: S311 - jitter: rivals in step never finish
                    tries += 1
