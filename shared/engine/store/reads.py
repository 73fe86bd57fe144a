"""Reads within a memory budget: documents by id, parked rows in order, and raw cursors.

Large documents are counted by their BSON size before they are decoded.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final

from bson import decode, encode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase

from shared.engine.limits.memory_budget import Budget
from shared.engine.store.document import Document, LoadedDocument
from shared.engine.store.unit_of_work import Unit

__all__ = ["BoundedReads"]

_PARKED_ROWS: Final = 500
_PARKED_FIRST: Final = 4
_REPLY_BYTES: Final = 16 * 1024 * 1024
_HEAVY_BYTES: Final = 8 * 1024
"""From this size on, a collection's documents are counted when they are loaded."""


class BoundedReads:
    """Loads documents of one database into units of work."""

    def __init__(self, db: AsyncDatabase[Document], budget: Budget) -> None:
        self._db = db
        self._budget = budget
        self._heavy: set[str] = set()
        """Collections with large documents."""

    async def load(
        self, unit: Unit, collection: str, wanted: Sequence[str], session: AsyncClientSession
    ) -> None:
        """Load documents of one collection by id; raises TooMuch as `Unit.weigh` does."""
        async for document in self._found(unit, collection, wanted, session):
            unit.track(collection, document["_id"], LoadedDocument.stored(document))
        for each in wanted:
            unit.track(collection, each)

    async def _found(
        self, unit: Unit, collection: str, wanted: Sequence[str], session: AsyncClientSession
    ) -> AsyncIterator[Document]:
        """Find documents by id: small ones in one reply, large ones counted one by one."""
        query = {"_id": {"$in": wanted}}
        if collection in self._heavy:
            async with self.raw(collection).find(query, session=session) as found:
                async for raw in found:
                    unit.weigh(len(raw.raw))
                    yield decode(raw.raw, self._db.codec_options)
            return
        light = self._db[collection].find(query, session=session, batch_size=len(wanted) + 1)
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
        self, unit: Unit, cases: Iterable[str], session: AsyncClientSession
    ) -> list[Document]:
        """Load parked events of cases that are not parked themselves; note if some are left out."""
        wanted = [
            case
            for case in dict.fromkeys(cases)
            if case not in unit.parked.of_case
            and (protocol := unit.document(unit.cases, case).protocol).waiting
            and not protocol.parked
        ]
        if not wanted:
            return []
        rows, whole = await self._rows({"case_id": {"$in": wanted}}, session)
        unit.parked.is_complete = unit.parked.is_complete and whole
        for case in wanted:
            unit.parked.of_case[case] = {}
        for row in rows:
            unit.parked.of_case[row["case_id"]][row["_id"]] = row
        return rows

    async def load_parked_of(
        self, unit: Unit, case: str, session: AsyncClientSession
    ) -> tuple[list[Document], int]:
        """Load the next parked events of one case, of each source. Returns them and the total.

        Each source is read by itself: a long gap of one does not hide the due events of another.
        """
        of_case = {"case_id": case}
        rows: list[Document] = []
        for source in await self._db.parked.distinct("source", of_case, session=session):
            rows += (await self._rows({**of_case, "source": source}, session))[0]
        total = await self._db.parked.count_documents(of_case, session=session)
        unit.parked.is_complete = unit.parked.is_complete and len(rows) == total
        unit.parked.of_case[case] = {row["_id"]: row for row in rows}
        return rows, total

    async def _rows(
        self, query: Document, session: AsyncClientSession
    ) -> tuple[list[Document], bool]:
        """Read parked rows in order within the budget, and whether these are all."""
        order = [("case_id", 1), ("source", 1), ("sequence", 1)]
        found = self.raw("parked").find(query, session=session).sort(order)
        rows, whole = await self.decode_up_to(self._budget.batch, found.limit(_PARKED_FIRST))
        if whole and len(rows) == _PARKED_FIRST:  # they are small, so many may come in one reply
            found = self.raw("parked").find(query, session=session).sort(order)
            found = found.skip(_PARKED_FIRST).limit(_PARKED_ROWS - _PARKED_FIRST)
            rest, whole = await self.decode_up_to(self._budget.batch, found)
            rows += rest
        return rows, whole and len(rows) < _PARKED_ROWS

    def raw(self, collection: str) -> AsyncCollection[RawBSONDocument]:
        """Return a collection whose documents are not decoded."""
        options: CodecOptions[RawBSONDocument] = CodecOptions(RawBSONDocument)
        database: AsyncDatabase[Any] = self._db
        return AsyncCollection(database, collection, codec_options=options)

    async def decode_up_to(
        self, most: int, found: AsyncCursor[RawBSONDocument]
    ) -> tuple[list[Document], bool]:
        """Decode the first documents of `most` bytes, at least one. Returns also if these are all."""
        documents: list[Document] = []
        async with found:
            async for document in found:
                most -= len(document.raw)
                if documents and most < 0:
                    return documents, False
                documents.append(decode(document.raw, self._db.codec_options))
        return documents, True
