"""Showing a case to a person: its reading stands in the log first, or it is not shown.

Retshåndhævelsesloven § 24 and directive 2016/680 art. 25 ask of a consultation who, when and why.
Why is the permission that the page was opened by, with the roles that the person then held.
"""

from typing import Final
from uuid import UUID

from pymongo import WriteConcern

from shared import audit
from shared.access import Action, Staff
from shared.engine import Store

__all__ = ["log_reading"]

READ: Final = "read"

_KEPT: Final = WriteConcern("majority", j=True, wtimeout=5_000)


async def log_reading(
    store: Store, staff: Staff, *, by: Action, case_id: UUID, basis: audit.Basis
) -> None:
    """Write that a person is about to see a case; return once that is kept.

    Raises:
        PyMongoError: it is not kept, so nothing may be shown.

    """
    why = audit.Why(f"staff:{staff.id}", by.value)
    row = audit.entry(
        READ, at=store.clock(), what=str(case_id), why=why, case_id=str(case_id), basis=basis
    )
    kept = store.db[audit.COLLECTION].with_options(write_concern=_KEPT)
    await kept.insert_one({**row, "roles": list(staff.roles)})
