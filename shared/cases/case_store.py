"""Cases in MongoDB: one document for each, named by its id.

Beside the case, a document has `listed`: what lists find and order it by. It follows from the case.
"""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from pydantic import TypeAdapter
from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from shared.cases import report_details
from shared.cases.next_step import AwaitsStep
from shared.contracts.codes import AS_STORED
from shared.contracts.processes import Process
from shared.contracts.references import case_reference, reference_parts
from shared.engine import Document, Unit
from shared.engine.timers.timers import sync_timers

__all__ = ["CaseStore"]

C = TypeVar("C", bound=AwaitsStep)

_NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""Where a list puts cases without a due time: last."""
_AT_ONCE: Final = 500


class CaseStore(Generic[C]):
    """The cases of a service, and each one's deadlines, which follow it whenever it is saved."""

    def __init__(self, collection: str, case: type[C], process: Process) -> None:
        self.collection = collection
        self.process = process
        self._adapter: TypeAdapter[C] = TypeAdapter(case)

    def load(self, unit: Unit, case_id: UUID | str) -> C | None:
        """The case, if it was taken in."""
        document = unit.load(self.collection, str(case_id))
        return self.read(document) if document else None

    def save(self, unit: Unit, case: C) -> None:
        """Write the case, and let its deadlines follow; what was fetched about it stays as it is."""
        case_id = str(case.case_id)
        before = unit.load(self.collection, case_id)
        kept = before or {"details": report_details.wanted()}
        unit.save(self.collection, {**kept, **self._document(case)})
        set_before = self.read(before).deadlines if before else {}
        sync_timers(unit, case_id, before=set_before, now=case.deadlines)

    async def find(self, database: AsyncDatabase[Document], case_id: UUID) -> C | None:
        """The case, for a page."""
        wanted = {"_id": str(case_id), "stage": {"$exists": True}}
        document = await database[self.collection].find_one(wanted)
        return self.read(document) if document else None

    def read(self, document: Document) -> C:
        """A stored document as a case."""
        return self._adapter.validate_python(
            {**document, "case_id": document["_id"]}, context=AS_STORED
        )

    def _document(self, case: C) -> Document:
        document: dict[str, Any] = self._adapter.dump_python(case, mode="json")
        times = {
            field.name: value
            for field in fields(case)
            if isinstance(value := getattr(case, field.name), datetime)
        }
        listed = self._listed(case.case_id, times.get("due_at"))
        return {"_id": document.pop("case_id"), **document, **times, "listed": listed}

    def _listed(self, case_id: UUID, due_at: datetime | None) -> Document:
        reference = case_reference(self.process, case_id)
        return {"parts": list(reference_parts(reference)), "due": due_at or _NEVER}

    async def prepare(self, database: AsyncDatabase[Document]) -> None:
        """Make the indexes of lists, and give `listed` to cases of a version that had no lists."""
        cases = database[self.collection]
        for first in ([], [("stage", 1)], [("municipality", 1)]):
            await cases.create_index([*first, ("listed.due", 1), ("_id", 1)])
        await cases.create_index("listed.parts")
        without = {"stage": {"$exists": True}, "listed": {"$exists": False}}
        while found := await cases.find(without, {"due_at": 1}).limit(_AT_ONCE).to_list():
            writes = [
                UpdateOne(
                    {"_id": one["_id"], "listed": {"$exists": False}},
                    {"$set": {"listed": self._listed(UUID(one["_id"]), one.get("due_at"))}},
                )
                for one in found
            ]
            await cases.bulk_write(writes, ordered=False)
