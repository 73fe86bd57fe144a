"""Parked events of a unit of work: those it loaded, and those it adds and removes."""

from datetime import datetime
from typing import Final

from shared.engine.records import Record, record_row
from shared.engine.store.document import Document

__all__ = ["WAITING", "ParkedRows"]

WAITING: Final = "waiting"
"""The state of a parked event that did not fail: it waits for an event before it."""

_RESUMED: Final = 500


class ParkedRows:
    """The rows of the parking lot that one transaction reads and writes."""

    def __init__(self) -> None:
        self.kept: dict[str, Document] = {}
        """Rows to be written, by id."""
        self.freed: set[str] = set()
        """Ids of rows to be deleted."""
        self.of_case: dict[str, dict[str, Document]] = {}
        """Per case, its parked events by row id."""
        self.is_complete = True
        """Whether all parked events of the cases were loaded."""
        self.may_resume = _RESUMED
        """How many parked events may still be applied in this transaction."""

    def keep(self, row: Document) -> None:
        """Park an event of a case. A repeat of an event that waits already changes nothing."""
        parked = self.of_case.setdefault(row["case_id"], {})
        if row["state"] == WAITING and row["_id"] in parked:
            return
        parked[row["_id"]] = row
        self.freed.discard(row["_id"])
        self.kept[row["_id"]] = row

    def free(self, row: Document) -> None:
        """Remove a parked event of a case."""
        self.of_case[row["case_id"]].pop(row["_id"])
        self.kept.pop(row["_id"], None)
        self.freed.add(row["_id"])

    def set_aside(self, record: Record, reason: str, cause: str, *, at: datetime) -> None:
        """Park a whole record that belongs to no known case, by its position in the log."""
        row = record_row(record, state="unreadable", reason=reason, at=at)
        row["cause"] = cause
        self.kept[row["_id"]] = row

    def roll_back(self, to: int) -> None:
        """Forget the rows that were kept after there were `to` of them."""
        for row_id in list(self.kept)[to:]:
            del self.kept[row_id]
