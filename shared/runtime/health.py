"""The routes that report the state of a service: live, ready and metrics."""

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from shared.runtime import collectors
from shared.runtime.wiring import Engine

__all__ = ["health_routes"]


def health_routes(engine: Engine) -> APIRouter:
    """Return the routes `/health/live`, `/health/ready` and `/metrics`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"state": "live"}

    @router.get("/health/ready")
    async def ready(response: Response) -> dict[str, Any]:
        state = await engine.state()
        response.status_code = 200 if engine.ready and state["outbox"] is not None else 503
        return state

    @router.get("/metrics")
    async def metrics() -> Response:
        watched = collectors.Watched(
            settings=engine.settings,
            store=engine.store,
            parking_lot=engine.parking_lot,
            subscriptions=engine.subscriptions,
            ready=engine.ready,
        )
        return Response(await collectors.exposed(watched), media_type=CONTENT_TYPE_LATEST)

    return router
