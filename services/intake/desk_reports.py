"""Reports in MongoDB as staff act on them: what was noted stands beside what arrived."""

from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter
from pymongo.asynchronous.database import AsyncDatabase

from services.intake import reports
from services.intake.danger import DeskReport
from services.intake.domain import Status
from shared.contracts.codes import AS_STORED
from shared.engine import Document, Unit
from shared.engine.timers.timers import sync_timers

__all__ = ["DESK_REPORTS", "DeskReports"]

_READ: Final = TypeAdapter(DeskReport)


class DeskReports:
    """The accepted reports; a rejected one does not exist here."""

    collection: str = reports.COLLECTION

    def load(self, unit: Unit, case_id: UUID | str) -> DeskReport | None:
        """The report, if it was accepted."""
        return self.read(unit.load(self.collection, str(case_id)))

    def save(self, unit: Unit, case: DeskReport) -> None:
        """Write what was noted, and let the deadline of the alarm follow."""
        report_id = str(case.case_id)
        stored = unit.load(self.collection, report_id)
        if stored is None:
            raise LookupError("a report that staff acted on is gone")
        before = self.read(stored)
        acted: dict[str, Any] = _READ.dump_python(case, mode="json")
        changed = {name: acted[name] for name in ("revision", "history")}
        unit.save(self.collection, {**stored, **changed, "danger_note": acted["noted"]})
        sync_timers(unit, report_id, before=before.deadlines if before else {}, now=case.deadlines)

    async def find(self, database: AsyncDatabase[Document], report_id: UUID) -> Document | None:
        """The stored report, for a page."""
        return await database[self.collection].find_one({"_id": str(report_id)})

    def read(self, stored: Document | None) -> DeskReport | None:
        """A stored report as staff act on it; None if there is none, or it was rejected."""
        if stored is None or Status(stored["status"]) is Status.REJECTED:
            return None
        return _READ.validate_python(
            {
                "case_id": stored["_id"],
                "municipality": stored["municipality"],
                "stage": stored["status"],
                "received_at": stored["received_at"],
                "says_danger": bool(stored.get("danger_to_life")),
                "noted": stored.get("danger_note"),
                "revision": stored.get("revision", 0),
                "history": stored.get("history", ()),
            },
            context=AS_STORED,
        )


DESK_REPORTS: Final = DeskReports()
