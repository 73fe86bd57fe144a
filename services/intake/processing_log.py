"""The log of processing: who collected, read or changed which data, when, why, on what legal basis.

A row is written in the transaction of the act itself. It holds ids only: a log that repeated the
data would itself need protection from its readers.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from shared.staff.audit import COLLECTION, CONTROLLER, AuditRow, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from shared.staff.audit import LegalBasis

__all__ = ["COLLECTION", "CONTROLLER", "Act", "entry"]

Document = dict[str, Any]

_KINDS: Final = {"staff": Kind.READ, "operator": Kind.OPERATION}
"""The kind of a row by who acts; services and partners are the others."""


class Act(StrEnum):
    """The kind of act (retshåndhævelsesloven § 24, directive 2016/680 art. 25)."""

    COLLECTED = "collected"
    READ = "read"
    DISCLOSED = "disclosed"
    CHANGED = "changed"


def entry(  # noqa: PLR0913 - everything that the law requires of an entry
    action: Act,
    *,
    row_id: str,
    who: str,
    why: str,
    basis: LegalBasis | None = None,
    report_id: UUID | str | None = None,
    case_id: UUID | str | None = None,
    person_ids: Iterable[UUID | str] = (),
    recipients: Iterable[str] = (),
) -> Document:
    """Return a row; `who` is `partner:<id>`, `service:<name>`, `staff:<login>` or `operator`."""
    row = AuditRow(
        kind=_KINDS.get(who.partition(":")[0], Kind.SERVICE),
        action=action.value,
        who=who,
        what=None if report_id is None else str(report_id),
        why=why,
        case_id=None if case_id is None else str(case_id),
        report_id=None if report_id is None else str(report_id),
        person_ids=tuple(str(person_id) for person_id in person_ids),
        recipients=tuple(recipients),
        basis=basis,
    )
    return row.document(row_id)
