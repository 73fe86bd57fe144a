"""The operator's door of a service: what stands still and why, tried again or given up."""

from collections.abc import Sequence
from hmac import compare_digest
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import BaseModel

from shared.engine import Room, Subscription
from shared.engine.unit import Document
from shared.errors import Rejected
from shared.settings import ServiceSettings

__all__ = ["operator_only", "operator_routes"]


class Redrive(BaseModel):
    """One parked event, or a whole case."""

    id: str | None = None
    case_id: str | None = None


class AcceptGap(BaseModel):
    """Events that are gone: of one case, or below the start of one partition's log."""

    case_id: str | None = None
    source: str | None = None
    """Whose facts are missing, with `case_id`."""
    mark: int | None = None
    """The last of them that had its effect, as the operator saw it, with `case_id`."""
    lane: str | None = None
    reason: str


class Discard(BaseModel):
    """An event to be given up, and why."""

    id: str
    reason: str


def operator_only(settings: ServiceSettings) -> Any:
    """A dependency that lets through who shows the operator's token; to others nothing is here."""
    token = settings.operator_token or None

    async def check(authorization: Annotated[str, Header()] = "") -> None:
        shown = authorization.removeprefix("Bearer ")
        if token is None or not compare_digest(shown.encode(), token.encode()):
            raise HTTPException(404)

    return Depends(check)


def operator_routes(
    room: Room, subscriptions: Sequence[Subscription], settings: ServiceSettings
) -> APIRouter:
    """The routes below `/operator`."""
    router = APIRouter(
        prefix="/operator", include_in_schema=False, dependencies=[operator_only(settings)]
    )

    @router.get("/parked")
    async def parked() -> list[dict[str, Any]]:
        return [_shown(row) for row in await room.rows()]

    @router.get("/parked/{row_id:path}")
    async def one(row_id: str) -> dict[str, Any]:
        row = await room.row(row_id)
        if row is None:
            raise HTTPException(404)
        return _shown(row)

    @router.post("/redrive")
    async def redrive(asked: Redrive) -> dict[str, int]:
        try:
            done, left = await _redrive(room, asked)
        except Rejected as error:
            raise HTTPException(409, str(error)) from error
        return {"redriven": done, "left": left}

    @router.post("/discard")
    async def discard(asked: Discard) -> dict[str, int]:
        try:
            await room.discard(asked.id, asked.reason)
        except Rejected as error:
            raise HTTPException(409, str(error)) from error
        return {"discarded": 1}

    _add_halts(router, room, subscriptions)
    return router


async def _accept_case(room: Room, case_id: str, asked: AcceptGap) -> tuple[int, int]:
    if asked.source is None or asked.mark is None:
        raise Rejected("name the source and the last of its events that had its effect")
    return await room.accept_gap(case_id, source=asked.source, mark=asked.mark, reason=asked.reason)


async def _accept_lane(room: Room, subscriptions: Sequence[Subscription], asked: AcceptGap) -> int:
    lanes = {lane.name: lane for each in subscriptions for lane in each.lanes.values()}
    lane = lanes.get(asked.lane or "")
    if lane is None or not asked.reason.strip():
        raise Rejected("name a partition that stands still, and a reason")
    start = await lane.accept_gap()
    await room.note("accept_gap", lane.name, asked.reason)
    return start


def _add_halts(router: APIRouter, room: Room, subscriptions: Sequence[Subscription]) -> None:
    @router.get("/halts")
    async def halts() -> list[dict[str, str]]:
        lanes = [lane for each in subscriptions for lane in each.lanes.values()]
        return [{"lane": lane.name, "reason": lane.halted} for lane in lanes if lane.halted]

    @router.post("/accept-gap")
    async def accept_gap(asked: AcceptGap) -> dict[str, int]:
        try:
            if asked.case_id is not None:
                done, left = await _accept_case(room, asked.case_id, asked)
                return {"applied": done, "left": left}
            return {"from": await _accept_lane(room, subscriptions, asked)}
        except Rejected as error:
            raise HTTPException(409, str(error)) from error

    @router.post("/resume")
    async def resume() -> dict[str, int]:
        lanes = [lane for each in subscriptions for lane in each.lanes.values() if lane.halted]
        for lane in lanes:
            lane.resume()
        return {"resumed": len(lanes)}


async def _redrive(room: Room, asked: Redrive) -> tuple[int, int]:
    if asked.id is not None:
        return await room.redrive(asked.id)
    if asked.case_id is not None:
        return await room.redrive_case(asked.case_id)
    raise Rejected("name an event or a case")


def _shown(row: Document) -> dict[str, Any]:
    shown = {("id" if name == "_id" else name): value for name, value in row.items()}
    return {name: value for name, value in shown.items() if name != "value"}
