"""The operator's API of a service: what is parked or halted and why, to be tried again or given up."""

import re
from collections.abc import Callable, Coroutine, Sequence
from hmac import compare_digest
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, Field

from shared.engine import ParkingLot, Subscription
from shared.engine.consume.partition_worker import PartitionWorker
from shared.engine.parking.queries import LATE_S
from shared.engine.rollback.detector import RollbackDetector
from shared.engine.store.document import Document
from shared.errors import Conflict, Rejected, Unavailable
from shared.runtime.settings import ServiceSettings
from shared.staff.audit import OPERATOR, Why

__all__ = ["AT_ONCE", "AnsweringRoute", "Reason", "Who", "operator_only", "operator_routes"]

AT_ONCE: Final = 50
"""Rows that one request may redrive or rehearse."""
_CPR: Final = re.compile(r"(?<!\d)\d{6}[- ]?\d{4}(?!\d)", re.ASCII)


def _says_nobody(reason: str) -> str:
    if _CPR.search(reason):
        raise ValueError("a reason is kept for ever and names nobody: leave the CPR number out")
    return reason.strip()


Reason = Annotated[str, Field(max_length=500), AfterValidator(_says_nobody)]


class Redrive(BaseModel):
    """One parked event, or a whole case, or several rows of a list."""

    id: str | None = None
    case_id: str | None = None
    ids: list[str] = Field(default_factory=list, max_length=AT_ONCE)
    reason: Reason = "to try again what is parked"


class AcceptGap(BaseModel):
    """Events that are lost: of one case, or below the start of one partition's log."""

    case_id: str | None = None
    source: str | None = None
    """The source of the missing facts, with `case_id`."""
    mark: int | None = None
    """The sequence number of the last processed fact, as the operator saw it, with `case_id`."""
    partition: str | None = Field(default=None, alias="lane")
    """As `topic[number]`."""
    reason: Reason


class Discard(BaseModel):
    """A parked event that is given up, and why."""

    id: str
    reason: Reason


class Resume(BaseModel):
    """A halted partition to be resumed; all of this process by default."""

    partition: str | None = Field(default=None, alias="lane")
    """As `topic[number]`."""
    reason: Reason = "the cause was fixed"


class GoOn(BaseModel):
    """A case that may continue above facts that the store does not know; all such cases by default."""

    case_id: str | None = None
    reason: Reason


def operator_only(settings: ServiceSettings) -> Any:
    """Return a dependency that checks the operator's token. Other requests are answered with 404."""
    token = settings.operator_token or None

    async def check(authorization: Annotated[str, Header()] = "") -> None:
        shown = authorization.removeprefix("Bearer ")
        if token is None or not compare_digest(shown.encode(), token.encode()):
            raise HTTPException(404)

    return Depends(check)


class AnsweringRoute(APIRoute):
    """Answers errors with one sentence: 409 if it cannot be done, 503 if not now."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's handler, whose errors are answered so."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                faults = (
                    str(fault["msg"]).removeprefix("Value error, ") for fault in error.errors()
                )
                raise HTTPException(422, "; ".join(faults)) from None
            except Rejected as error:
                raise HTTPException(409, str(error)) from error
            except (Conflict, Unavailable) as error:
                raise HTTPException(503, f"it cannot be done now, try again: {error}") from error

        return answer


def _named(
    operator: Annotated[str | None, Header(alias="x-operator", pattern=r"^[\w.@-]{1,64}$")] = None,
) -> str:
    """Return the operator's name as the command gives it. With the token, any name is accepted."""
    return OPERATOR if operator is None else f"{OPERATOR}:{operator}"


Who = Annotated[str, Depends(_named)]


def operator_routes(
    parking_lot: ParkingLot,
    subscriptions: Sequence[Subscription],
    settings: ServiceSettings,
    rollback: RollbackDetector,
) -> APIRouter:
    """The routes below `/operator`."""
    router = APIRouter(
        prefix="/operator",
        include_in_schema=False,
        dependencies=[operator_only(settings)],
        route_class=AnsweringRoute,
    )
    _add_looks(router, parking_lot)
    _add_acts(router, parking_lot)
    _add_halts(router, parking_lot, subscriptions)
    _add_restores(router, rollback, parking_lot)
    return router


def _add_looks(router: APIRouter, parking_lot: ParkingLot) -> None:
    @router.get("/causes")
    async def causes() -> list[dict[str, Any]]:
        return await parking_lot.queries.causes()

    @router.get("/parked")
    async def parked(
        cause: str | None = None, case_id: str | None = None, skip: int = 0
    ) -> list[dict[str, Any]]:
        rows = await parking_lot.queries.rows(cause=cause, case_id=case_id, skip=skip)
        return [_shown(row) for row in rows]

    @router.get("/parked/{row_id:path}")
    async def one(row_id: str) -> dict[str, Any]:
        row = await parking_lot.queries.row(row_id)
        if row is None:
            raise HTTPException(404)
        return _shown(row)

    @router.get("/gaps")
    async def gaps(late_s: Annotated[float, Field(ge=0)] = LATE_S) -> list[dict[str, Any]]:
        return await parking_lot.queries.gaps(late_s)

    @router.get("/log")
    async def log(most: Annotated[int, Field(ge=1, le=1_000)] = 100) -> list[dict[str, Any]]:
        return [_shown(row) for row in await parking_lot.queries.log(most)]


def _add_acts(router: APIRouter, parking_lot: ParkingLot) -> None:
    @router.post("/rehearse")
    async def rehearse(asked: Redrive) -> list[dict[str, Any]]:
        """Return what a redrive would do, per case or record; None if that is unknown."""
        results: list[dict[str, Any]] = []
        for row_id, case_id in await _meant(parking_lot, asked):
            if case_id is None:
                results.append({"id": row_id, "case_id": None, "done": None, "left": None})
                continue
            try:
                done, left = await parking_lot.rehearse(case_id)
            except Rejected:
                continue  # it has continued since it was listed
            results.append({"id": row_id, "case_id": case_id, "done": done, "left": left})
        return results

    @router.post("/redrive")
    async def redrive(asked: Redrive, who: Who) -> dict[str, int]:
        done, left = await _redrive(parking_lot, asked, Why(who, asked.reason))
        return {"redriven": done, "left": left}

    @router.post("/discard")
    async def discard(asked: Discard, who: Who) -> dict[str, int]:
        await parking_lot.discard(asked.id, asked.reason, who)
        return {"discarded": 1}


async def _accept_case(
    parking_lot: ParkingLot, case_id: str, asked: AcceptGap, who: str
) -> tuple[int, int]:
    if asked.source is None or asked.mark is None:
        raise Rejected("name the source and the last of its events that had its effect")
    return await parking_lot.accept_gap(
        case_id, source=asked.source, mark=asked.mark, reason=asked.reason, who=who
    )


async def _accept_worker(
    parking_lot: ParkingLot, worker: PartitionWorker | None, asked: AcceptGap, who: str
) -> int:
    if worker is None or not asked.reason:
        raise Rejected("name a halted partition, and a reason")
    reason = None if worker.halted is None else worker.halted.reason
    start = await worker.accept_gap()
    await parking_lot.note(
        "accept_gap", f"{worker.name} up to {start}: {reason}", Why(who, asked.reason)
    )
    return start


def _add_halts(
    router: APIRouter, parking_lot: ParkingLot, subscriptions: Sequence[Subscription]
) -> None:
    def workers() -> dict[str, PartitionWorker]:
        return {worker.name: worker for each in subscriptions for worker in each.workers.values()}

    @router.get("/halts")
    async def halts() -> list[dict[str, str]]:
        return [
            {"lane": worker.name, "reason": worker.halted.reason, "way_on": worker.halted.remedy}
            for worker in workers().values()
            if worker.halted
        ]

    @router.post("/accept-gap")
    async def accept_gap(asked: AcceptGap, who: Who) -> dict[str, int]:
        if asked.case_id is not None:
            done, left = await _accept_case(parking_lot, asked.case_id, asked, who)
            return {"applied": done, "left": left}
        worker = workers().get(asked.partition or "")
        return {"from": await _accept_worker(parking_lot, worker, asked, who)}

    @router.post("/resume")
    async def resume(who: Who, asked: Resume | None = None) -> dict[str, int]:
        asked = asked or Resume()
        halted = [
            (worker, worker.halted)
            for worker in workers().values()
            if worker.halted and asked.partition in {None, worker.name}
        ]
        for worker, halt in halted:
            await parking_lot.note(
                "resume", f"{worker.name}: {halt.reason}", Why(who, asked.reason)
            )
            worker.resume()
        return {"resumed": len(halted)}


def _add_restores(router: APIRouter, rollback: RollbackDetector, parking_lot: ParkingLot) -> None:
    @router.get("/put-back")
    async def put_back() -> dict[str, Any]:
        return await rollback.review.state()

    @router.post("/go-on")
    async def go_on(asked: GoOn, who: Who) -> dict[str, int]:
        why = Why(who, asked.reason)
        if asked.case_id is None:
            return {"cases": await rollback.review.settle(parking_lot, why)}
        return {"facts": await rollback.review.go_on(asked.case_id, parking_lot, why)}


async def _meant(parking_lot: ParkingLot, asked: Redrive) -> list[tuple[str, str | None]]:
    """Return the rows that are meant, one per case."""
    meant: dict[str, tuple[str, str | None]] = {}
    for row_id in asked.ids:
        row = await parking_lot.queries.row(row_id)
        if row is not None:
            case_id = row.get("case_id")
            meant.setdefault(case_id or row_id, (row_id, case_id))
    return list(meant.values())


async def _redrive(parking_lot: ParkingLot, asked: Redrive, why: Why) -> tuple[int, int]:
    if asked.id is not None:
        return await parking_lot.redrive(asked.id, why)
    if asked.case_id is not None:
        return await parking_lot.redrive_case(asked.case_id, why)
    if not asked.ids:
        raise Rejected("name an event or a case")
    done = left = 0
    for row_id, _ in await _meant(parking_lot, asked):
        try:
            one_done, one_left = await parking_lot.redrive(row_id, why)
        except Rejected:
            one_done, one_left = 0, 1
        done, left = done + one_done, left + one_left
    return done, left


def _shown(row: Document) -> dict[str, Any]:
    shown = {("id" if name == "_id" else name): value for name, value in row.items()}
    return {name: value for name, value in shown.items() if name != "value"}
