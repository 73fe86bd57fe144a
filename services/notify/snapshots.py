"""Tells the whole staff directory anew each week, so that readers may begin there.

Each member's fact is written again with what it says now; then `notify.staff_snapshot_ended.v1` names
the time before which nothing in the topic is needed any more. A crash in between leaves facts that
say the same again, and the snapshot is begun anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from pymongo.errors import PyMongoError

from services.notify.directory import DIRECTORY, MEMBERS
from services.notify.staff import Member, staff_changed
from shared.contracts.notify import StaffSnapshotEnded
from shared.engine import Store, Unit
from shared.engine.failures.cancellation import is_cancelled
from shared.errors import ServiceError

__all__ = ["EVERY", "Snapshots"]

EVERY: Final = timedelta(days=7)
_AT_ONCE: Final = 200
_LOOK_S: Final = 60.0
_ABOUT: Final = "_directory"
"""The document that keeps when the directory was told last; no member can be called so."""

log = structlog.get_logger()


class Snapshots:
    """Tells the directory when a week has passed since it was told last."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self) -> None:
        """Look once a minute until cancelled."""
        while not is_cancelled():
            try:
                if await self.is_due():
                    log.info("directory_told", staff=await self.tell())
            except (PyMongoError, ServiceError) as error:
                log.warning("directory_not_told", error=type(error).__name__)
            await asyncio.sleep(_LOOK_S)

    async def is_due(self) -> bool:
        """Whether a week has passed, by mongod's clock, since the directory was told."""
        since = {"$subtract": ["$$NOW", int(EVERY.total_seconds() * 1000)]}
        told = {"_id": _ABOUT, "$expr": {"$gt": ["$told_at", since]}}
        return await self._store.db[DIRECTORY].find_one(told, {"_id": 1}) is None

    async def tell(self) -> int:
        """Write every member's fact, and that the snapshot ended; return how many members."""
        began = self._store.clock()
        members = self._store.db[DIRECTORY].find(MEMBERS, {"_id": 1}).sort("_id", 1)
        ids = [one["_id"] async for one in members]
        for first in range(0, len(ids), _AT_ONCE):
            await self._tell_some(began, ids[first : first + _AT_ONCE])

        def end(unit: Unit) -> None:
            unit.save(DIRECTORY, {"_id": _ABOUT, "told_at": began})
            fact = StaffSnapshotEnded(began_at=began, staff=len(ids))
            unit.emit(fact, counted_in=(DIRECTORY, _ABOUT))

        await self._store.act(f"snapshot|{began.isoformat()}", {DIRECTORY: [_ABOUT]}, end)
        return len(ids)

    async def _tell_some(self, began: datetime, ids: Sequence[str]) -> None:
        def tell(unit: Unit) -> None:
            for staff_id in ids:
                stored: dict[str, Any] | None = unit.load(DIRECTORY, staff_id)
                if stored is not None:
                    fact = staff_changed(Member.stored(stored))
                    unit.emit(fact, counted_in=(DIRECTORY, staff_id))

        await self._store.act(f"snapshot|{began.isoformat()}|{ids[0]}", {DIRECTORY: ids}, tell)
