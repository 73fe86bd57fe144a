"""The reading log: a case is shown to a person only after the reading was logged.

Retshåndhævelsesloven § 24 and directive 2016/680 art. 25 require who read a case, when and why. The
reason is the permission that opened the page, with the roles that the person held.

A denied attempt is logged too, under the requested id, whether or not there is such a case. So neither
the answer nor a failure to log reveals whether the case exists.
"""

from typing import Final, NamedTuple
from uuid import UUID

from pymongo import WriteConcern

from shared.engine import Store
from shared.staff import audit
from shared.staff.access import Action, Staff

__all__ = ["Asked", "log_denied", "log_reading"]

READ: Final = "read"
DENIED: Final = "denied"

_KEPT: Final = WriteConcern("majority", j=True, wtimeout=5_000)


class Asked(NamedTuple):
    """Which case a person wants to see, by which permission, and by what right it is kept."""

    case_id: UUID
    by: Action
    basis: audit.Basis


async def log_reading(store: Store, staff: Staff, asked: Asked) -> None:
    """Write that a person is about to see a case; return once that is kept.

    Raises:
        PyMongoError: it is not kept, so nothing may be shown.

    """
    await _log(READ, store, staff, asked)


async def log_denied(store: Store, staff: Staff, asked: Asked) -> None:
    """Write that a person wanted to see a case and may not; return once that is kept.

    Raises:
        PyMongoError: it is not kept, so nothing may be answered.

    """
    await _log(DENIED, store, staff, asked)


async def _log(action: str, store: Store, staff: Staff, asked: Asked) -> None:
    why, case_id = audit.Why(f"staff:{staff.id}", asked.by.value), str(asked.case_id)
    row = audit.entry(
        action, at=store.clock(), what=case_id, why=why, case_id=case_id, basis=asked.basis
    )
    kept = store.db[audit.COLLECTION].with_options(write_concern=_KEPT)
    await kept.insert_one({**row, "roles": list(staff.roles)})
