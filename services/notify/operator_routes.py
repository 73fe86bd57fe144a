"""The operator's routes for the staff directory. Each change is logged with its reason."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field

from services.notify.directory import StaffDirectory
from services.notify.staff import Change, Member
from shared.runtime.operator_api import AnsweringRoute, Reason, Who, operator_only
from shared.runtime.settings import ServiceSettings
from shared.staff.audit import Why

__all__ = ["staff_routes"]

StaffId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][!-~]{0,254}$")]
_Code = Annotated[str, Field(max_length=64)]


class StaffChange(BaseModel):
    """What is to be changed of a member of staff; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    title: Annotated[str, Field(max_length=200)] | None = None
    roles: Annotated[list[_Code], Field(max_length=32)] | None = None
    places: Annotated[list[_Code], Field(max_length=32)] | None = None
    authority: _Code | None = None
    active: bool | None = None
    reason: Annotated[Reason, Field(min_length=1)]


def staff_routes(directory: StaffDirectory, settings: ServiceSettings) -> APIRouter:
    """Return the routes below `/operator/staff`."""
    router = APIRouter(
        prefix="/operator/staff",
        include_in_schema=False,
        dependencies=[operator_only(settings)],
        route_class=AnsweringRoute,
    )

    @router.get("")
    async def every() -> list[dict[str, Any]]:
        return [_shown(member) for member in await directory.members()]

    @router.get("/{staff_id:path}")
    async def one(staff_id: StaffId) -> dict[str, Any]:
        found = await directory.member(staff_id)
        if found is None:
            raise HTTPException(404)
        return _shown(found)

    @router.put("/{staff_id:path}")
    async def change(staff_id: StaffId, wanted: StaffChange, who: Who) -> dict[str, Any]:
        """Change a member of staff, or add one."""
        after = await directory.change(
            staff_id,
            Change(
                name=wanted.name,
                title=wanted.title,
                roles=None if wanted.roles is None else tuple(dict.fromkeys(wanted.roles)),
                places=None if wanted.places is None else tuple(dict.fromkeys(wanted.places)),
                authority=wanted.authority,
                active=wanted.active,
            ),
            Why(who, wanted.reason),
        )
        return _shown(after)

    return router


def _shown(member: Member) -> dict[str, Any]:
    document = member.as_document()
    return {"id": document.pop("_id"), **document}
