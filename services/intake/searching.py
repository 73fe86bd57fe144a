"""Finds waiting reports by a part of their number or of the partner's own reference, as typed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from shared.contracts.references import case_reference, is_cpr_shaped, typed_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pymongo.asynchronous.collection import AsyncCollection

__all__ = ["find_reports"]

_MOST: Final = 5_000
"""So many waiting reports are looked through, those that have waited longest first."""
_BETWEEN: Final = re.compile(r"[\s._\u2010-\u2015-]+")


async def find_reports(
    reports: AsyncCollection[dict[str, Any]], waiting: Mapping[str, Any], typed: str
) -> list[str]:
    """Return the ids of the waiting reports that what was typed is a part of.

    Capitals, hyphens, dots and blanks do not count. A number like a CPR number finds nothing.
    """
    part, plain = typed_part(typed), _plain(typed)
    if not plain or is_cpr_shaped(plain):
        return []
    rows = reports.find(waiting, {"reference": 1}).sort("received_at", 1).limit(_MOST)
    return [
        row["_id"]
        async for row in rows
        if (part is not None and part in _own(row["_id"])) or plain in _plain(row["reference"])
    ]


def _own(report_id: str) -> str:
    return case_reference(None, UUID(report_id)).replace("-", "")


def _plain(text: str) -> str:
    return _BETWEEN.sub("", text).upper()
