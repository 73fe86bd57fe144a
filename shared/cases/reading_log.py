"""Logs each reading of a case by a person, before the case is shown.

Retshåndhævelsesloven § 24 and directive 2016/680 art. 25 require who, when and why of a
consultation. The reason is the permission by which the page was opened, with the person's roles.

A list is read as a whole: one row says that the person saw it, and nothing of what stood in it or
was asked for. A list that refreshes itself in an open page gives one row each quarter of an hour.

A denied attempt is logged as well, under the requested id, whether or not such a case exists.
Neither the answer nor a failure shows which of the two it was.
"""

from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from pymongo import WriteConcern

from shared.engine import Store
from shared.staff import audit
from shared.staff.access import Action, Staff

__all__ = ["CaseReading", "ListReading", "log_denied", "log_list", "log_list_denied", "log_reading"]

READ: Final = "read"
READ_LIST: Final = "read_list"
DENIED: Final = "denied"

_REFRESHED: Final = timedelta(minutes=15)

_KEPT: Final = WriteConcern("majority", j=True, wtimeout=5_000)


class CaseReading(NamedTuple):
    """The reading of a case: the case, the permission, and the legal basis."""

    case_id: UUID
    by: Action
    basis: audit.LegalBasis


class ListReading(NamedTuple):
    """The reading of a list: its name, the permission, and the legal basis."""

    name: str
    by: Action
    basis: audit.LegalBasis


async def log_reading(store: Store, staff: Staff, reading: CaseReading) -> None:
    """Log that a person is about to see a case; return once the row is durable.

    Raises:
        PyMongoError: the row is not durable, so nothing may be shown.

    """
    await _log(READ, store, staff, reading)


async def log_denied(store: Store, staff: Staff, reading: CaseReading) -> None:
    """Log that a person was denied a case; return once the row is durable.

    Raises:
        PyMongoError: the row is not durable, so nothing may be answered.

    """
    await _log(DENIED, store, staff, reading)


async def log_list(store: Store, staff: Staff, reading: ListReading, *, refreshed: bool) -> None:
    """Log that a person is about to see a list; return once the row is durable.

    Args:
        store: of the service.
        staff: who reads.
        reading: what, and why.
        refreshed: whether the open page asks again by itself.

    Raises:
        PyMongoError: the row is not durable, so nothing may be shown.

    """
    row = _list_row(READ_LIST, store, staff, reading)
    rows = store.db[audit.COLLECTION].with_options(write_concern=_KEPT)
    if not refreshed:
        await rows.insert_one(row)
        return
    quarter = int(row["at"].timestamp() // _REFRESHED.total_seconds())
    same = f"{reading.name}|{staff.id}|{quarter}"
    await rows.update_one({"_id": same}, {"$setOnInsert": row}, upsert=True)


async def log_list_denied(store: Store, staff: Staff, reading: ListReading) -> None:
    """Log that a person was denied a list; return once the row is durable.

    Raises:
        PyMongoError: the row is not durable, so nothing may be answered.

    """
    rows = store.db[audit.COLLECTION].with_options(write_concern=_KEPT)
    await rows.insert_one(_list_row(DENIED, store, staff, reading))


def _list_row(action: str, store: Store, staff: Staff, reading: ListReading) -> dict[str, Any]:
    why = audit.Why(f"staff:{staff.id}", reading.by.value)
    row = audit.entry(action, at=store.clock(), what=reading.name, why=why, basis=reading.basis)
    return {**row, "roles": list(staff.roles)}


async def _log(action: str, store: Store, staff: Staff, reading: CaseReading) -> None:
    why, case_id = audit.Why(f"staff:{staff.id}", reading.by.value), str(reading.case_id)
    row = audit.entry(
        action, at=store.clock(), what=case_id, why=why, case_id=case_id, basis=reading.basis
    )
    kept = store.db[audit.COLLECTION].with_options(write_concern=_KEPT)
    await kept.insert_one({**row, "roles": list(staff.roles)})
