"""Mediations in MongoDB: one document for each case."""

from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter
from pymongo.asynchronous.database import AsyncDatabase

from services.mediation.domain import Mediation
from shared.cases import report_details
from shared.engine import Document, Unit
from shared.engine.timers.timers import sync_timers

__all__ = ["COLLECTION", "find", "load", "save"]

COLLECTION: Final = "mediations"

_mediation = TypeAdapter(Mediation)


def load(unit: Unit, case_id: UUID | str) -> Mediation | None:
    """The mediation of that case, if it was taken in."""
    document = unit.load(COLLECTION, str(case_id))
    return read(document) if document else None


def save(unit: Unit, mediation: Mediation) -> None:
    """Write the mediation, and let its deadlines follow; what was fetched about it stays as it is."""
    case_id = str(mediation.case_id)
    before = unit.load(COLLECTION, case_id)
    kept = before or {"details": report_details.wanted()}
    unit.save(COLLECTION, {**kept, **_document(mediation)})
    set_before = read(before).deadlines if before else {}
    sync_timers(unit, case_id, before=set_before, now=mediation.deadlines)


async def find(database: AsyncDatabase[Document], case_id: UUID) -> Mediation | None:
    """The mediation of that case, for a page."""
    document = await database[COLLECTION].find_one(
        {"_id": str(case_id), "stage": {"$exists": True}}
    )
    return read(document) if document else None


def read(document: Document) -> Mediation:
    """A stored document as a mediation."""
    return _mediation.validate_python({**document, "case_id": document["_id"]})


def _document(mediation: Mediation) -> Document:
    document: dict[str, Any] = _mediation.dump_python(mediation, mode="json")
    times = {"received_at": mediation.received_at, "due_at": mediation.due_at}
    return {"_id": document.pop("case_id"), **document, **times}
