"""Logs each reading of a case by a person, before the case is shown.

Retshåndhævelsesloven § 24 and directive 2016/680 art. 25 require who, when and why of a
consultation. The reason is the permission by which the page was opened, with the person's roles.

A list is read as a whole: one row says that the person saw it, and nothing of what stood in it or
was asked for. A list that refreshes itself in an open page gives one row each quarter of an hour.

A denied attempt is logged as well, under the requested id, whether or not such a case exists.
Neither the answer nor a failure shows which of the two it was.
"""

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from shared.engine import Store
from shared.staff.access import Action, Staff
from shared.staff.audit import AuditRow, Kind, LegalBasis, by_staff

__all__ = ["CaseReading", "ListReading", "log_denied", "log_list", "log_list_denied", "log_reading"]

_REFRESHED: Final = timedelta(minutes=15)


class CaseReading(NamedTuple):
    """The reading of a case: the case, the permission, and the legal basis."""

    case_id: UUID
    by: Action
    basis: LegalBasis


class ListReading(NamedTuple):
    """The reading of a list: its name, the permission, and the legal basis."""

    name: str
    by: Action
    basis: LegalBasis


async def log_reading(store: Store, staff: Staff, reading: CaseReading) -> None:
    """Log that a person is about to see a case; return once the row is durable.

    Raises:
        Unavailable: the row is not durable, so nothing may be shown.

    """
    await store.log(_of_case(Kind.READ, staff, reading))


async def log_denied(store: Store, staff: Staff, reading: CaseReading) -> None:
    """Log that a person was denied a case; return once the row is durable.

    Raises:
        Unavailable: the row is not durable, so nothing may be answered.

    """
    await store.log(_of_case(Kind.DENIED, staff, reading))


async def log_list(store: Store, staff: Staff, reading: ListReading, *, refreshed: bool) -> None:
    """Log that a person is about to see a list; return once the row is durable.

    Args:
        store: of the service.
        staff: who reads.
        reading: what, and why.
        refreshed: whether the open page asks again by itself.

    Raises:
        Unavailable: the row is not durable, so nothing may be shown.

    """
    quarter = int(store.clock().timestamp() // _REFRESHED.total_seconds())
    row_id = f"{reading.name}|{staff.id}|{quarter}" if refreshed else None
    await store.log(_of_list(Kind.READ_LIST, staff, reading), row_id)


async def log_list_denied(store: Store, staff: Staff, reading: ListReading) -> None:
    """Log that a person was denied a list; return once the row is durable.

    Raises:
        Unavailable: the row is not durable, so nothing may be answered.

    """
    await store.log(_of_list(Kind.DENIED, staff, reading))


def _of_case(kind: Kind, staff: Staff, reading: CaseReading) -> AuditRow:
    case_id = str(reading.case_id)
    return by_staff(
        kind,
        staff,
        action=kind.value,
        right=reading.by.value,
        what=case_id,
        case_id=case_id,
        basis=reading.basis,
    )


def _of_list(kind: Kind, staff: Staff, reading: ListReading) -> AuditRow:
    return by_staff(
        kind,
        staff,
        action=kind.value,
        right=reading.by.value,
        what=reading.name,
        basis=reading.basis,
    )
