"""PSP cases in MongoDB: one document for each case."""

from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter
from pymongo.asynchronous.database import AsyncDatabase

from services.psp.domain import PspCase
from shared.cases import report_details
from shared.engine import Document, Unit
from shared.engine.timers.timers import sync_timers

__all__ = ["COLLECTION", "find", "load", "save"]

COLLECTION: Final = "psp_cases"

_psp_case = TypeAdapter(PspCase)


def load(unit: Unit, case_id: UUID | str) -> PspCase | None:
    """The case, if it was taken in."""
    document = unit.load(COLLECTION, str(case_id))
    return read(document) if document else None


def save(unit: Unit, case: PspCase) -> None:
    """Write the case, and let its deadlines follow; what was fetched about it stays as it is."""
    case_id = str(case.case_id)
    before = unit.load(COLLECTION, case_id)
    kept = before or {"details": report_details.wanted()}
    unit.save(COLLECTION, {**kept, **_document(case)})
    set_before = read(before).deadlines if before else {}
    sync_timers(unit, case_id, before=set_before, now=case.deadlines)


async def find(database: AsyncDatabase[Document], case_id: UUID) -> PspCase | None:
    """The case, for a page."""
    document = await database[COLLECTION].find_one(
        {"_id": str(case_id), "stage": {"$exists": True}}
    )
    return read(document) if document else None


def read(document: Document) -> PspCase:
    """A stored document as a PSP case."""
    return _psp_case.validate_python({**document, "case_id": document["_id"]})


def _document(case: PspCase) -> Document:
    document: dict[str, Any] = _psp_case.dump_python(case, mode="json")
    times = {"received_at": case.received_at, "due_at": case.due_at}
    return {"_id": document.pop("case_id"), **document, **times}
