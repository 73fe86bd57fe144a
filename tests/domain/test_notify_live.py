import asyncio
from uuid import uuid4

import pytest

from services.notify import live as module
from services.notify.live import Live
from shared.staff.access import Staff
from shared.web.session import LoginRequired

SOFIE = Staff(id="sofie", name="", title="", roles=("triage",), places=("1463",))
PEDER = Staff(id="peder", name="", title="", roles=("psp-police",), places=("0630",))


def a_notice(role="triage", place="1463"):
    return {"_id": str(uuid4()), "role": role, "place": place}


async def who_is(staff):
    return staff


async def opened(live, staff, still=None):
    """Open a stream and read its greeting."""
    stream = live.stream(staff, still or (lambda: who_is(staff)))
    assert await anext(stream) == "retry: 1000\n\n"
    return stream


async def soon(stream):
    return await asyncio.wait_for(anext(stream), 1)


async def test_a_browser_receives_its_persons_notices_by_id_only():
    live, notice = Live(None), a_notice()
    stream = await opened(live, SOFIE)
    waiting = asyncio.ensure_future(soon(stream))
    await asyncio.sleep(0)
    live._publish(a_notice("psp-police", "0630"), created=True)
    live._publish(notice, created=True)

    assert await waiting == (
        f'event: notice\ndata: {{"notice": "{notice["_id"]}", "created": true}}\n\n'
    )
    await stream.aclose()


async def test_a_silent_stream_sends_a_heartbeat(monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    stream = await opened(Live(None), SOFIE)

    assert await soon(stream) == ": here\n\n"
    await stream.aclose()


async def test_a_stream_ends_at_once_when_the_service_stops():
    live = Live(None)
    stream = await opened(live, SOFIE)

    async def read():
        return [event async for event in stream]

    reading = asyncio.ensure_future(read())
    await asyncio.sleep(0.05)
    live.stop()

    assert "notice" not in "".join(await asyncio.wait_for(reading, 1))


async def test_a_stream_ends_with_its_session(monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    monkeypatch.setattr(module, "RIGHTS_HOLD", 0.0)

    async def logged_off():
        raise LoginRequired("")

    stream = await opened(Live(None), SOFIE, logged_off)

    with pytest.raises(StopAsyncIteration):
        await soon(stream)


async def test_a_role_that_was_taken_away_receives_no_more(monkeypatch):
    monkeypatch.setattr(module, "HEARTBEAT", 0.01)
    monkeypatch.setattr(module, "RIGHTS_HOLD", 0.0)
    live = Live(None)
    stream = await opened(live, SOFIE, lambda: who_is(PEDER))
    await soon(stream)
    live._publish(a_notice("triage", "1463"), created=True)

    assert await soon(stream) == ": here\n\n"
    await stream.aclose()
