"""Shutdown in time: a process ends within its grace period, even if a dependency does not answer.

A broker or a connection that does not answer may block each step of a shutdown, and some client
libraries ignore a cancellation. So each step has a time limit, and after the grace period the process
exits at once. Nothing is lost: batches and messages in flight are left as a SIGKILL would leave them.
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
"""For requests that are being processed; then they are answered with 503."""
CONNECTIONS_S: Final = 3
"""For open connections of browsers and programs."""
WORKERS_S: Final = 4.0
"""For batches in flight."""
LOOPS_S: Final = 2.0
"""For the relay and the other background loops."""
BROKER_S: Final = 2.0
"""To leave the consumer group."""
DATABASE_S: Final = 1.0
GRACE_S: Final = 13.0
"""For all steps together. The supervisor waits at least 15 s before it kills."""

log = structlog.get_logger()


async def at_most(seconds: float, what: str, *steps: Awaitable[Any]) -> None:
    """Wait for steps of the shutdown, `seconds` at most. Failures are ignored; late steps are cancelled."""
    if not steps:
        return
    _, late = await asyncio.wait(map(asyncio.ensure_future, steps), timeout=seconds)
    for step in late:
        step.cancel()
    if late:
        log.warning("end_does_not_wait", what=what, seconds=seconds)


class AnswersInTime:
    """ASGI middleware: when `late` is set, pending requests get a 503, and started answers are cut.

    Otherwise a page or a health check that waits for the database would delay the shutdown, and then
    be closed without an answer.
    """

    def __init__(self, app: ASGIApp, late: asyncio.Event) -> None:
        self._app = app
        self._late = late

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or answer 503 in time."""
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
