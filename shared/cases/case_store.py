"""Cases in MongoDB: one document for each, named by its id."""

from dataclasses import fields
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import TypeAdapter
from pymongo.asynchronous.database import AsyncDatabase

from shared.cases import report_details
from shared.cases.next_step import AwaitsStep
from shared.contracts.codes import AS_STORED
from shared.engine import Document, Unit
from shared.engine.timers.timers import sync_timers

__all__ = ["CaseStore"]

C = TypeVar("C", bound=AwaitsStep)


class CaseStore(Generic[C]):
    """The cases of a service, and each one's deadlines, which follow it whenever it is saved."""

    def __init__(self, collection: str, case: type[C]) -> None:
        self.collection = collection
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
        return {"_id": document.pop("case_id"), **document, **times}
