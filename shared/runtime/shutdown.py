"""Ending in time: a process that is told to end does so within its grace, whatever holds it up.

A broker that is gone, or a connection that says nothing any more, may hold up each step of an
orderly end, and client libraries do not always let themselves be cancelled. So each step has a
bound, and past the grace the process ends where it stands. That costs nothing but time: whatever
was in flight is as a kill would leave it.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "ANSWERS_S",
    "BROKER_S",
    "CONNECTIONS_S",
    "DATABASE_S",
    "GRACE_S",
    "LOOPS_S",
    "WORKERS_S",
]
__all__ += ["AnswersInTime", "at_most", "end_after"]

ANSWERS_S: Final = 2.0
"""For requests whose answer is being made; then they get one that says so."""
CONNECTIONS_S: Final = 3
"""For browsers and programs that were being answered."""
WORKERS_S: Final = 4.0
"""For batches in flight."""
LOOPS_S: Final = 2.0
"""For the relay and what else runs beside it."""
BROKER_S: Final = 2.0
"""To leave the consumer group."""
DATABASE_S: Final = 1.0
GRACE_S: Final = 13.0
"""For everything together; whoever started us waits at least 15 s before it kills."""

log = structlog.get_logger()


async def at_most(seconds: float, what: str, *steps: Awaitable[Any]) -> None:
    """Wait for steps of the end, whatever becomes of them, and leave behind what takes longer."""
    if not steps:
        return
    _, late = await asyncio.wait(map(asyncio.ensure_future, steps), timeout=seconds)
    for step in late:
        step.cancel()
    if late:
        log.warning("end_does_not_wait", what=what, seconds=seconds)


class AnswersInTime:
    """ASGI: gives whoever still waits when `late` is set a 503 to try again, and lets go of the rest.

    A page or a health check that waits for a store which says nothing would else be waited for, and
    then cut off without an answer.
    """

    def __init__(self, app: ASGIApp, late: asyncio.Event) -> None:
        self._app = app
        self._late = late

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say in time that it will not be answered here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def noticing(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        answering = asyncio.ensure_future(self._answer(scope, receive, noticing))
        late = asyncio.ensure_future(self._late.wait())
        try:
            await asyncio.wait({answering, late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            late.cancel()
            is_answered = answering.done()
            answering.cancel()
        if is_answered:
            answering.result()
        elif not has_begun:
            ends = PlainTextResponse(
                "The service ends just now. Try again.",
                HTTPStatus.SERVICE_UNAVAILABLE,
                {"Retry-After": "1"},
            )
            await ends(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def end_after(seconds: float) -> None:
    """Let the process end after so long, even if its event loop hangs."""
    timer = threading.Timer(seconds, _end)
    timer.daemon = True
    timer.start()


def _end() -> None:
    log.error("end_took_too_long", seconds=GRACE_S)
    os._exit(1)
