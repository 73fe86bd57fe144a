"""Logs each reading of a case by a person, before the case is shown.

Retshåndhævelsesloven § 24 and directive 2016/680 art. 25 require who, when and why of a
consultation. The reason is the permission by which the page was opened, with the person's roles.

A denied attempt is logged as well, under the requested id, whether or not such a case exists.
Neither the answer nor a failure shows which of the two it was.
"""

from typing import Final, NamedTuple
from uuid import UUID

from pymongo import WriteConcern

from shared.engine import Store
from shared.staff import audit
from shared.staff.access import Action, Staff

__all__ = ["CaseReading", "log_denied", "log_reading"]

READ: Final = "read"
DENIED: Final = "denied"

_KEPT: Final = WriteConcern("majority", j=True, wtimeout=5_000)


class CaseReading(NamedTuple):
    """The reading of a case: the case, the permission, and the legal basis."""

    case_id: UUID
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


async def _log(action: str, store: Store, staff: Staff, reading: CaseReading) -> None:
    why, case_id = audit.Why(f"staff:{staff.id}", reading.by.value), str(reading.case_id)
    row = audit.entry(
        action, at=store.clock(), what=case_id, why=why, case_id=case_id, basis=reading.basis
    )
    kept = store.db[audit.COLLECTION].with_options(write_concern=_KEPT)
    await kept.insert_one({**row, "roles": list(staff.roles)})
