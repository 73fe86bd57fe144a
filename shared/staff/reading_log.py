"""Showing a case to a person: its reading stands in the log first, or it is not shown.

Retshåndhævelsesloven § 24 and directive 2016/680 art. 25 ask of a consultation who, when and why.
Why is the permission that the page was opened by, with the roles that the person then held.

An attempt that is denied stands there as well, under the id that was asked for, whether or not there
is such a case: neither the answer nor its failing tells anybody which of the two it was.
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
    """Which case a person wants to see, by which permission, and by what right it is kept."""

    case_id: UUID
    by: Action
    basis: audit.LegalBasis


async def log_reading(store: Store, staff: Staff, reading: CaseReading) -> None:
    """Write that a person is about to see a case; return once that is kept.

    Raises:
        PyMongoError: it is not kept, so nothing may be shown.

    """
    await _log(READ, store, staff, reading)


async def log_denied(store: Store, staff: Staff, reading: CaseReading) -> None:
    """Write that a person wanted to see a case and may not; return once that is kept.

    Raises:
        PyMongoError: it is not kept, so nothing may be answered.

    """
    await _log(DENIED, store, staff, reading)


async def _log(action: str, store: Store, staff: Staff, reading: CaseReading) -> None:
    why, case_id = audit.Why(f"staff:{staff.id}", reading.by.value), str(reading.case_id)
    row = audit.entry(
        action, at=store.clock(), what=case_id, why=why, case_id=case_id, basis=reading.basis
    )
    kept = store.db[audit.COLLECTION].with_options(write_concern=_KEPT)
    await kept.insert_one({**row, "roles": list(staff.roles)})
