"""Writing a unit of work: changed documents, parked rows, deadlines, and the outbox last."""

from collections.abc import Iterable
from typing import Any, Final

from bson import Timestamp
from pymongo import DeleteMany, DeleteOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase

from shared.engine.records import Message
from shared.engine.store.document import Document
from shared.engine.store.parked_rows import WAITING
from shared.engine.store.unit_of_work import Unit
from shared.errors import Conflict

__all__ = ["pack", "write"]

_PACKED_MESSAGES: Final = 500
_PACKED_BYTES: Final = 8 * 1024 * 1024


async def write(db: AsyncDatabase[Document], unit: Unit, session: AsyncClientSession) -> None:
    """Write all that the unit holds. The outbox comes last, so its timestamp follows the cases.

    Raises:
        Conflict: another transaction has written a document since it was loaded.

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
        result = await db[collection].bulk_write(replaced, ordered=False, session=session)
        if result.matched_count != len(replaced):
            raise Conflict(f"a document of {collection} has a new version")
    for collection, documents in new.items():
        await db[collection].insert_many(documents, ordered=False, session=session)
    await _write_parked(db, unit, session)
    await _write_timers(db, unit, session)
    for packed in pack(unit.outgoing.messages):
        await db.outbox.insert_one(packed, session=session)


async def _write_parked(
    db: AsyncDatabase[Document], unit: Unit, session: AsyncClientSession
) -> None:
    kept = unit.parked.kept
    operations: list[Any] = [_put(row_id, row) for row_id, row in kept.items()]
    gone = list(unit.parked.freed - kept.keys())
    if gone:
        operations.insert(0, DeleteMany({"_id": {"$in": gone}}))
    if operations:
        await db.parked.bulk_write(operations, ordered=False, session=session)


async def _write_timers(
    db: AsyncDatabase[Document], unit: Unit, session: AsyncClientSession
) -> None:
    operations: list[Any] = [
        DeleteOne({"_id": row_id}) if row is None else ReplaceOne({"_id": row_id}, row, upsert=True)
        for row_id, row in dict(unit.timers).items()
    ]
    if operations:
        await db.due.bulk_write(operations, ordered=False, session=session)


def _put(row_id: str, row: Document) -> ReplaceOne[Document] | UpdateOne:
    """Write a parked row. A waiting row never replaces one that says why the event failed."""
    if row["state"] == WAITING:
        rest = {name: value for name, value in row.items() if name != "_id"}
        return UpdateOne({"_id": row_id}, {"$setOnInsert": rest}, upsert=True)
    return ReplaceOne({"_id": row_id}, row, upsert=True)


def pack(messages: Iterable[Message]) -> list[Document]:
    """Return the outbox documents for `messages`, in order: few, and of bounded size.

    `at` is empty: mongod sets it inside the transaction from its own cluster clock. No other order
    holds between processes.
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
