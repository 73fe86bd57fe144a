"""A service's own database: one transaction holds effects, marks, watermark, rooms and outbox."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from random import uniform
from time import monotonic
from typing import Any, Final, TypeVar

from bson import Timestamp, decode, encode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient, DeleteMany, DeleteOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shared.engine.failures.crash_points import reach
from shared.engine.failures.mongo_errors import translated
from shared.engine.limits.memory_budget import Budget
from shared.engine.records import Message
from shared.engine.rollback import republished
from shared.engine.store import heartbeat
from shared.engine.store.document import Document, LoadedDocument, Needs
from shared.engine.store.unit_of_work import WAITING, Unit
from shared.errors import Away, Conflict, Taken, Unavailable
from shared.observability import metrics
from shared.observability.tracing import Tracing

__all__ = ["Store"]

T = TypeVar("T")
Operation = Callable[[AsyncClientSession], Awaitable[T]]

_PACKED_MESSAGES: Final = 500
_PACKED_BYTES: Final = 8 * 1024 * 1024
_PARKED_ROWS: Final = 500
_PARKED_FIRST: Final = 4
_REPLY_BYTES: Final = 16 * 1024 * 1024
_HEAVY_BYTES: Final = 8 * 1024
"""From this size on a collection's documents are weighed when they are loaded."""
_PAUSES: Final = (0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
_PATIENCE_S: Final = 30.0
"""How long rivals for the same documents are stood at least: each time one of them got on."""
_COUNTED: Final = 1_000
_MAJORITY: Final = WriteConcern("majority", j=True)


class Store:
    """One service's database, and the only door by which anything in it changes."""

    def __init__(
        self,
        client: AsyncMongoClient[Document],
        name: str,
        *,
        cases: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        budget: Budget | None = None,
    ) -> None:
        self.client = client
        self.budget = budget or Budget()
        self._heavy: set[str] = set()
        self.db: AsyncDatabase[Document] = client[name]
        self.cases = cases
        self.clock = clock
        self.tracing: Tracing | None = None
        """Where the steps of committed transactions are told; None while nothing is traced."""
        self.committed = asyncio.Event()
        """Set after a commit that left something in the outbox: wakes the relay."""
        self.closed: str | None = None
        """Why nothing may be decided at present; see `restored`."""
        self.heartbeat = 0
        """The last count of its own seconds that this process has seen; see `age`."""
        self.was_rolled_back = False
        """Whether facts may have been told that the store does not know; see `retold`."""

    def unit(self, now: datetime | None = None) -> Unit:
        """Return an empty unit of work at this moment, or at the one that is given."""
        return Unit(cases=self.cases, now=now or self.clock(), tracing=self.tracing)

    @asynccontextmanager
    async def transaction(
        self, session: AsyncClientSession | None = None
    ) -> AsyncIterator[AsyncClientSession]:
        """Open a snapshot transaction; commit at the end, abort on any error.

        Args:
            session: one to use again and again (a worker's own); a new one by default.

        Raises:
            Conflict: another transaction got there first; nothing was written.
            Unavailable: MongoDB is away, it is not known whether the commit happened, or the
                store is closed.

        """
        if self.closed is not None:
            raise Away(self.closed)
        try:
            async with AsyncExitStack() as stack:
                if session is None:
                    session = await stack.enter_async_context(self.client.start_session())
                await stack.enter_async_context(
                    await session.start_transaction(
                        read_concern=ReadConcern("snapshot"), write_concern=_MAJORITY
                    )
                )
                yield session
        except PyMongoError as error:
            raise translated(error) from error

    async def load(self, unit: Unit, needs: Needs, session: AsyncClientSession) -> None:
        """Fetch what the unit does not hold yet, one query for each collection.

        Raises:
            TooMuch: it would hold more than it may.

        """
        for collection, ids in needs.items():
            wanted = [each for each in dict.fromkeys(ids) if not unit.tracks(collection, each)]
            if not wanted:
                continue
            async for document in self._found(unit, collection, wanted, session):
                unit.track(collection, document["_id"], LoadedDocument.stored(document))
            for each in wanted:
                unit.track(collection, each)
            if self.was_rolled_back:
                lost = self.db[republished.COLLECTION].find(
                    {"subject": {"$in": wanted}}, session=session
                )
                unit.republished.learn(await lost.to_list())

    async def _found(
        self, unit: Unit, collection: str, wanted: Sequence[str], session: AsyncClientSession
    ) -> AsyncIterator[Document]:
        """Documents by id. Small ones come in one reply unweighed, large ones are weighed."""
        query = {"_id": {"$in": wanted}}
        if collection in self._heavy:
            async with self.unopened(collection).find(query, session=session) as found:
                async for unopened in found:
                    unit.weigh(len(unopened.raw))
                    yield decode(unopened.raw, self.db.codec_options)
            return
        light = self.db[collection].find(query, session=session, batch_size=len(wanted) + 1)
        async with light:
            documents = await light.to_list(1)
            if light.cursor_id:  # the server cuts a reply at 16 MiB
                self._heavy.add(collection)
                unit.weigh(_REPLY_BYTES)
            documents += await light.to_list()
        if documents and len(encode(documents[-1])) > _HEAVY_BYTES:
            self._heavy.add(collection)
        for document in documents:
            yield document

    async def load_parked(
        self,
        unit: Unit,
        cases: Iterable[str],
        session: AsyncClientSession,
    ) -> list[Document]:
        """Fetch what waits for cases (that are not parked); say so if it was not all."""
        wanted = [
            case
            for case in dict.fromkeys(cases)
            if case not in unit.parked_rows
            and (protocol := unit.document(unit.cases, case).protocol).waiting
            and not protocol.parked
        ]
        if not wanted:
            return []
        rows, whole = await self._rows({"case_id": {"$in": wanted}}, session)
        unit.parked_is_complete = unit.parked_is_complete and whole
        for case in wanted:
            unit.parked_rows[case] = {}
        for row in rows:
            unit.parked_rows[row["case_id"]][row["_id"]] = row
        return rows

    async def load_parked_of(
        self, unit: Unit, case: str, session: AsyncClientSession
    ) -> tuple[list[Document], int]:
        """Fetch what is next in one case's room, of each source, and say how much there is in all.

        What waits for one source's missing event does not hide what another source's can go on
        with.
        """
        of_case = {"case_id": case}
        rows: list[Document] = []
        for source in await self.db.parked.distinct("source", of_case, session=session):
            rows += (await self._rows({**of_case, "source": source}, session))[0]
        there = await self.db.parked.count_documents(of_case, session=session)
        unit.parked_is_complete = unit.parked_is_complete and len(rows) == there
        unit.parked_rows[case] = {row["_id"]: row for row in rows}
        return rows, there

    async def _rows(
        self, query: Document, session: AsyncClientSession
    ) -> tuple[list[Document], bool]:
        """Rows of the room in order, as many as may be held, and whether that was all."""
        order = [("case_id", 1), ("source", 1), ("sequence", 1)]
        found = self.unopened("parked").find(query, session=session).sort(order)
        rows, whole = await self.open_up_to(self.budget.batch, found.limit(_PARKED_FIRST))
        if whole and len(rows) == _PARKED_FIRST:  # they are small, so many may come in one reply
            found = self.unopened("parked").find(query, session=session).sort(order)
            found = found.skip(_PARKED_FIRST).limit(_PARKED_ROWS - _PARKED_FIRST)
            rest, whole = await self.open_up_to(self.budget.batch, found)
            rows += rest
        return rows, whole and len(rows) < _PARKED_ROWS

    def unopened(self, collection: str) -> AsyncCollection[RawBSONDocument]:
        """A collection whose documents are not decoded yet, so that they can be weighed."""
        options: CodecOptions[RawBSONDocument] = CodecOptions(RawBSONDocument)
        database: AsyncDatabase[Any] = self.db
        return AsyncCollection(database, collection, codec_options=options)

    async def open_up_to(
        self, most: int, found: AsyncCursor[RawBSONDocument]
    ) -> tuple[list[Document], bool]:
        """Decode the first of them that `most` bytes hold, one at least; say if that was all."""
        documents: list[Document] = []
        async with found:
            async for document in found:
                most -= len(document.raw)
                if documents and most < 0:
                    return documents, False
                documents.append(decode(document.raw, self.db.codec_options))
        return documents, True

    async def count_outbox(self) -> int:
        """How many packed messages wait; an estimate where they are many.

        MongoDB's own estimate may stay wrong for ever after mongod was killed: an empty outbox would
        look full, and a full one empty.
        """
        counted = await self.db.outbox.count_documents({}, limit=_COUNTED)
        if counted < _COUNTED:
            return counted
        return max(_COUNTED, await self.db.outbox.estimated_document_count())

    async def write(self, unit: Unit, session: AsyncClientSession) -> None:
        """Write all that the unit holds; the outbox last, so that its stamp follows the cases.

        Raises:
            Conflict: a document was written by somebody else since it was loaded.

        """
        new: dict[str, list[Document]] = {}
        changed: dict[str, list[ReplaceOne[Document]]] = {}
        for (collection, document_id), loaded in unit.changes():
            document = loaded.as_document(document_id)
            if loaded.version:
                guard = {"_id": document_id, "version": loaded.version}
                changed.setdefault(collection, []).append(ReplaceOne(guard, document))
            else:
                new.setdefault(collection, []).append(document)
        for collection, document in unit.rows:
            new.setdefault(collection, []).append(document)
        for collection, replaced in changed.items():
            result = await self.db[collection].bulk_write(replaced, ordered=False, session=session)
            if result.matched_count != len(replaced):
                raise Conflict(f"a document of {collection} has a new version")
        for collection, documents in new.items():
            await self.db[collection].insert_many(documents, ordered=False, session=session)
        await self._write_parked(unit, session)
        await self._write_republished(unit, session)
        await self._write_timers(unit, session)
        for packed in pack(unit.messages):
            await self.db.outbox.insert_one(packed, session=session)

    async def _write_parked(self, unit: Unit, session: AsyncClientSession) -> None:
        operations: list[Any] = [_put(row_id, row) for row_id, row in unit.kept.items()]
        gone = list(unit.freed - unit.kept.keys())
        if gone:
            operations.insert(0, DeleteMany({"_id": {"$in": gone}}))
        if operations:
            await self.db.parked.bulk_write(operations, ordered=False, session=session)

    async def _write_republished(self, unit: Unit, session: AsyncClientSession) -> None:
        for key, known in unit.republished.changes().items():
            gone = {f"facts.{number}": "" for number in known}
            change = {"$set": {"accepted": True}} | ({"$unset": gone} if gone else {})
            await self.db[republished.COLLECTION].update_one({"_id": key}, change, session=session)

    async def _write_timers(self, unit: Unit, session: AsyncClientSession) -> None:
        operations: list[Any] = [
            DeleteOne({"_id": row_id})
            if row is None
            else ReplaceOne({"_id": row_id}, row, upsert=True)
            for row_id, row in dict(unit.timers).items()
        ]
        if operations:
            await self.db.due.bulk_write(operations, ordered=False, session=session)

    def settle(self, unit: Unit) -> None:
        """Say that the unit is committed."""
        if unit.spans and self.tracing is not None:
            self.tracing.tell(unit.spans)
        if unit.messages:
            metrics.emitted(unit)
            self.committed.set()

    async def act(self, key: str, needs: Needs, decide: Callable[[Unit], T]) -> T:
        """Carry out an action of staff or of the service itself, once for its `key`.

        The key is stored with the outcome in the action's own transaction and looked up before
        every try, so a retry after an unclear commit returns what was done (design.md, rule 3 of
        the protocol). `decide` works in memory and may run several times. From the second try on
        the documents are claimed before they are read: else a person who thinks of a case with
        much traffic would be late each time.

        Raises:
            Rejected: from `decide`; nothing is written.
            Unavailable: MongoDB stayed away.

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
        """Run `step` in a transaction until it commits; what it does must be safe to repeat.

        Every try is a transaction of one session, so that it ends what a try before it left open
        when its connection broke: that would hold the documents until it times out.
        """
        patient_until, tries = monotonic() + _PATIENCE_S, 0
        async with self.client.start_session() as session:
            while True:
                seen = self.heartbeat
                try:
                    async with self.transaction(session):
                        await heartbeat.check(self, seen, session)
                        return await step(session)
                except (Conflict, Unavailable) as error:
                    is_rival = isinstance(error, Conflict) and not isinstance(error, Taken)
                    until = patient_until if is_rival else 0.0
                    if tries >= len(_PAUSES) and monotonic() > until:
                        raise
                    pause = _PAUSES[min(tries, len(_PAUSES) - 1)]
                    await asyncio.sleep(uniform(0, pause))  # noqa: S311 - jitter: rivals in step never finish
                    tries += 1


def _put(row_id: str, row: Document) -> ReplaceOne[Document] | UpdateOne:
    """Keep a parked row; one that only waits never hides that the same event failed before."""
    if row["state"] == WAITING:
        rest = {name: value for name, value in row.items() if name != "_id"}
        return UpdateOne({"_id": row_id}, {"$setOnInsert": rest}, upsert=True)
    return ReplaceOne({"_id": row_id}, row, upsert=True)


def pack(messages: Iterable[Message]) -> list[Document]:
    """The outbox documents for `messages`, in order: few and bounded.

    `at` is empty: mongod fills it inside the transaction from its own rising clock, which is the
    only order that holds between processes.
    """
    packed: list[Document] = []
    size = _PACKED_BYTES
    for message in messages:
        weight = message.size
        if size + weight > _PACKED_BYTES or len(packed[-1]["messages"]) >= _PACKED_MESSAGES:
            packed.append({"at": Timestamp(0, 0), "messages": []})
            size = 0
        size += weight
        packed[-1]["messages"].append(message.packed())
    return packed
