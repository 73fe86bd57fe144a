"""The live inbox: a change stream on the notices notifies the browsers it concerns.

An event carries ids only; the browser fetches the content with its own session. One change stream serves
all browsers of this process. A change of a member of staff, or the end of a session, makes the
streams that it concerns ask again whether they may go on. Each stream also asks every minute, and ends
at once when the service stops.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog
from pymongo.errors import PyMongoError

from services.notify.directory import DIRECTORY, SESSIONS
from services.notify.notices import NOTICES, is_for
from shared.web.session import LoginRequired

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

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
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    events: asyncio.Queue[dict[str, Any]] = field(
        default_factory=lambda: asyncio.Queue(_MOST_WAITING)
    )

    asks_at: float = 0.0
    """When the stream asks next whether it may go on."""

    def ask_again(self) -> None:
        """Let the stream ask at once."""
        self.asks_at = 0.0
        self.changed.set()

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
        wanted = {
            "operationType": {"$in": ["insert", "update", "replace"]},
            "ns.coll": {"$in": [NOTICES, DIRECTORY, SESSIONS]},
        }
        async with await self._database.watch(
            [{"$match": wanted}], full_document="updateLookup", max_await_time_ms=1000
        ) as changes:
            for listener in self._listeners:
                listener.ask_again()
                listener.offer({})  # a change may have preceded this stream
            while not self._stopping.is_set() and changes.alive:
                change = await changes.try_next()
                if change is not None and change.get("fullDocument"):
                    self._take(change)

    def _take(self, change: Mapping[str, Any]) -> None:
        document = change["fullDocument"]
        if change["ns"]["coll"] == NOTICES:
            self._publish(document, created=change["operationType"] == "insert")
            return
        for listener in self._listeners:
            if document["_id"] in (listener.staff.id, listener.staff.session):
                listener.ask_again()

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
        try:
            yield "retry: 1000\n\n"
            listener.staff = await still()  # it may have changed since the request was let in
            listener.asks_at = clock() + RIGHTS_HOLD
            while not self._stopping.is_set():
                event = await self._next(listener)
                if clock() >= listener.asks_at:
                    listener.asks_at = clock() + RIGHTS_HOLD
                    listener.staff = await still()
                yield ": here\n\n" if event is None else f"event: notice\ndata: {event}\n\n"
        except (LoginRequired, PyMongoError):
            return
        finally:
            self._listeners.discard(listener)

    async def _next(self, listener: _Listener) -> str | None:
        """Wait for an event; None for the end, a change of rights, or the time for a heartbeat."""
        taking = asyncio.ensure_future(listener.events.get())
        ending = [asyncio.ensure_future(each.wait()) for each in (self._stopping, listener.changed)]
        try:
            await asyncio.wait(
                {taking, *ending}, timeout=HEARTBEAT, return_when=asyncio.FIRST_COMPLETED
            )
            listener.changed.clear()
            return json.dumps(taking.result()) if taking.done() else None
        finally:
            for task in (taking, *ending):
                task.cancel()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
