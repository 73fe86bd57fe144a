"""The live inbox: a change stream on the notices notifies the browsers it concerns.

An event carries ids only; the browser fetches the content with its own session. One change stream serves
all browsers of this process. Each stream ends with its session, reads the person's rights again
every minute, and ends at once when the service stops.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog
from pymongo.errors import PyMongoError

from services.notify.notices import NOTICES, is_for
from shared.web.session import LoginRequired

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pymongo.asynchronous.database import AsyncDatabase

    from shared.staff.access import Staff

__all__ = ["Live"]

HEARTBEAT: Final = 15.0
"""Seconds without an event after which a stream sends a heartbeat."""
RIGHTS_HOLD: Final = 60.0
"""Seconds after which a stream reads the rights of its person again."""

_PATIENCE: Final = 1.0
_MOST_WAITING: Final = 100

_log = structlog.get_logger(__name__)


@dataclass(eq=False)
class _Listener:
    staff: Staff
    events: asyncio.Queue[dict[str, Any]] = field(
        default_factory=lambda: asyncio.Queue(_MOST_WAITING)
    )

    def offer(self, event: dict[str, Any]) -> None:
        """Queue an event; where the queue is full, the browser will refresh anyhow."""
        with suppress(asyncio.QueueFull):
            self.events.put_nowait(event)


class Live:
    """Watches the notices and feeds the streams of this process."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database
        self._listeners: set[_Listener] = set()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End every stream and the change stream, now."""
        self._stopping.set()

    async def watch(self) -> None:
        """Pass changes to the listeners until stopped; restart after an outage of the database."""
        while not self._stopping.is_set():
            with suppress(PyMongoError):
                await self._watch_once()
            if not self._stopping.is_set():
                _log.warning("the change stream of notices ended; restarting")
                await self._pause(_PATIENCE)

    async def _watch_once(self) -> None:
        wanted = [{"$match": {"operationType": {"$in": ["insert", "update", "replace"]}}}]
        collection = self._database[NOTICES]
        async with await collection.watch(
            wanted, full_document="updateLookup", max_await_time_ms=1000
        ) as changes:
            for listener in self._listeners:
                listener.offer({})  # a change may have preceded this stream
            while not self._stopping.is_set() and changes.alive:
                change = await changes.try_next()
                if change is not None and change.get("fullDocument"):
                    self._publish(
                        change["fullDocument"], created=change["operationType"] == "insert"
                    )

    def _publish(self, notice: dict[str, Any], *, created: bool) -> None:
        for listener in self._listeners:
            if is_for(notice, listener.staff):
                listener.offer({"notice": notice["_id"], "created": created})

    async def stream(
        self, staff: Staff, still: Callable[[], Awaitable[Staff]]
    ) -> AsyncIterator[str]:
        """Yield server-sent events for one browser; `still` returns its person with current rights.

        The stream ends where `still` raises `LoginRequired`, or where the database does not answer.
        """
        listener = _Listener(staff)
        self._listeners.add(listener)
        clock = asyncio.get_running_loop().time
        checked = clock()
        try:
            yield "retry: 1000\n\n"
            while not self._stopping.is_set():
                event = await self._next(listener)
                if clock() - checked >= RIGHTS_HOLD:
                    listener.staff, checked = await still(), clock()
                yield ": here\n\n" if event is None else f"event: notice\ndata: {event}\n\n"
        except (LoginRequired, PyMongoError):
            return
        finally:
            self._listeners.discard(listener)

    async def _next(self, listener: _Listener) -> str | None:
        """Wait for an event, the end, or the time for a heartbeat (None)."""
        taking = asyncio.ensure_future(listener.events.get())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait(
                {taking, stopping}, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED
            )
            return json.dumps(taking.result()) if taking.done() else None
        finally:
            taking.cancel()
            stopping.cancel()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
