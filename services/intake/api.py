"""The HTTP API of intake: public keys and schemas, details of cases for their services, partners.

A caller gets 404 for everything that it may not see, for any reason.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter, Header, HTTPException, Path, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pymongo.errors import PyMongoError

from services.intake import partners, processing_log
from services.intake.partners import Partner, PartnerStatus
from services.intake.processing_log import Act
from shared.contracts.discovery import manifests
from shared.contracts.places import MUNICIPALITIES
from shared.contracts.processes import PartnerKind, Process
from shared.contracts.references import PARTNER_ID
from shared.contracts.schemas import schema
from shared.engine import Rejected, Store, Subscription, Unavailable, Unit
from shared.engine.consume import offset_store
from shared.runtime.operator_api import operator_only
from shared.security.data_keys import NotABlob

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path as FilePath

    from services.intake.seal_keys import SealKeyDirectory
    from services.intake.settings import Settings
    from services.intake.vault import Vault

__all__ = ["details_routes", "partner_routes", "public_routes"]

PROCESSES_OF_SERVICE: Final[Mapping[str, frozenset[Process]]] = {
    each.name: frozenset(each.serves) for each in manifests() if each.serves
}
"""The processes that a service runs. It may fetch details of their cases only."""

_END: Final = r"\Z"
_JWKS_FOR_S: Final = 300
_SCHEMA_FOR_S: Final = 3600
_DAMAGED: Final = (
    "The stored content of this case is damaged and cannot be opened; a restore may have it."
)

log = structlog.get_logger()


def public_routes(seal_keys: SealKeyDirectory) -> APIRouter:
    """Return the public routes: the keys to seal reports with, and the JSON Schemas."""
    router = APIRouter()

    @router.get("/.well-known/jwks.json")
    async def jwks(response: Response) -> dict[str, list[dict[str, Any]]]:
        """Keys to seal reports with. There are two during a rotation; both are valid."""
        response.headers["Cache-Control"] = f"public, max-age={_JWKS_FOR_S}"
        return seal_keys.published()

    @router.get("/schemas/{ce_type}.json")
    async def schemas(ce_type: str, response: Response) -> dict[str, Any]:
        """The JSON Schema of one type, as `ce_dataschema` names it."""
        found = schema(ce_type)
        if found is None:
            raise HTTPException(404)
        response.headers["Cache-Control"] = f"public, max-age={_SCHEMA_FOR_S}"
        return found

    return router


def details_routes(
    vault: Vault,
    tokens: FilePath,
    owned: Mapping[str, frozenset[Process]] = PROCESSES_OF_SERVICE,
) -> APIRouter:
    """Return the route by which a service fetches the details of its case."""
    router = APIRouter(include_in_schema=False)

    @router.get("/cases/{case_id}/details")
    async def details(
        case_id: UUID, authorization: Annotated[str, Header()] = ""
    ) -> dict[str, Any]:
        service = service_of(authorization, tokens, owned)
        if service is None:
            raise HTTPException(404)
        try:
            content = await vault.disclose_case(
                str(case_id), processes=owned[service], to=f"service:{service}"
            )
        except NotABlob as damaged:
            log.exception("case_damaged", case_id=str(case_id))
            raise HTTPException(409, _DAMAGED) from damaged
        except (Unavailable, PyMongoError) as away:
            raise HTTPException(503, headers={"Retry-After": "5"}) from away
        if content is None:
            raise HTTPException(404)
        return {
            "details": content.details,
            "disclosure": content.disclosure,
            "text": content.text,
            "parties": content.parties,
        }

    return router


def service_of(authorization: str, tokens: FilePath, services: Iterable[str]) -> str | None:
    """Return the service with this token. The files are read at each call: tokens may change."""
    shown = authorization.removeprefix("Bearer ").encode()
    for name in services:
        file = tokens / name
        if file.is_file() and (token := file.read_bytes().strip()) and compare_digest(shown, token):
            return name
    return None


def _known_municipality(code: str) -> str:
    if code not in MUNICIPALITIES:
        raise ValueError("no municipality of the district has this code")
    return code


class PartnerRegistration(BaseModel):
    """A partner's registration by an operator. No municipality means the whole district."""

    model_config = ConfigDict(extra="forbid")

    kind: PartnerKind
    municipalities: Annotated[
        list[Annotated[str, AfterValidator(_known_municipality)]],
        Field(max_length=len(MUNICIPALITIES)),
    ] = []
    client_secret_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """For the HTTP interface; if it is left out, the earlier one stays."""


PartnerId = Annotated[str, Path(pattern=f"^{PARTNER_ID.pattern.removesuffix(_END)}$")]


def partner_routes(store: Store, reports: Subscription, settings: Settings) -> APIRouter:
    """Return the operator's routes for partners."""
    router = APIRouter(
        prefix="/operator/partners",
        include_in_schema=False,
        dependencies=[operator_only(settings)],
    )

    @router.put("/{partner_id}")
    async def register(partner_id: PartnerId, registration: PartnerRegistration) -> dict[str, Any]:
        """Register a partner, or change its municipalities. Its kind cannot be changed."""
        try:
            await register_partner(store, partner_id, registration)
        except Rejected as refused:
            raise HTTPException(409, str(refused)) from refused
        return await one(partner_id)

    @router.get("")
    async def every() -> list[dict[str, Any]]:
        return [_shown(partner) for partner in await partners.every(store.db)]

    @router.get("/{partner_id}")
    async def one(partner_id: PartnerId) -> dict[str, Any]:
        found = (await partners.known_as(store.db, [partner_id])).get(partner_id)
        if found is None:
            raise HTTPException(404)
        topic = f"partner.{partner_id}.reports"
        reading = topic in reports.reading or await offset_store.is_taken(store, topic)
        return {**_shown(found), "reading": reading}

    return router


async def register_partner(
    store: Store, partner_id: str, registration: PartnerRegistration
) -> None:
    """Register a partner or complete a registration, and log it in the same transaction.

    Raises:
        Rejected: the id belongs to another kind of authority, or to a removed partner.

    """

    def decide(unit: Unit) -> None:
        stored = unit.load(partners.COLLECTION, partner_id)
        before = None if stored is None else Partner.stored(stored)
        if before is not None and before.status is PartnerStatus.REMOVED:
            raise Rejected("a partner with this id was removed, and an id is never used again")
        if before is not None and before.kind is not registration.kind:
            raise Rejected("a partner with this id is registered as another kind of authority")
        after = Partner(
            id=partner_id,
            kind=registration.kind,
            municipalities=tuple(sorted(set(registration.municipalities))),
            added_at=unit.now if before is None else before.added_at,
            client_secret_sha256=registration.client_secret_sha256
            or (None if before is None else before.client_secret_sha256),
        )
        if after == before:
            return
        unit.save(partners.COLLECTION, after.as_document())
        row = processing_log.entry(
            Act.CHANGED,
            row_id=str(uuid4()),
            who="operator",
            why=f"partner {partner_id} {_what_happened(before, after)}",
        )
        unit.add(processing_log.COLLECTION, row)

    needs = {partners.COLLECTION: [partner_id]}
    await store.act(f"partner|{partner_id}|{uuid4()}", needs, decide)


def _what_happened(before: Partner | None, after: Partner) -> str:
    """Return what a registration changed; of a secret only that it changed."""
    if before is None:
        secret = "" if after.client_secret_sha256 is None else ", with a client secret"
        return f"was registered as {after.kind.value} for {_places(after)}{secret}"
    changes = []
    if after.municipalities != before.municipalities:
        changes.append(f"works for {_places(after)} (before: {_places(before)})")
    if after.client_secret_sha256 != before.client_secret_sha256:
        first = before.client_secret_sha256 is None
        changes.append("was given a client secret" if first else "has a new client secret")
    return ", and ".join(changes)


def _places(partner: Partner) -> str:
    return ", ".join(partner.municipalities) or "the whole district"


def _shown(partner: Partner) -> dict[str, Any]:
    return {
        "id": partner.id,
        "kind": partner.kind.value,
        "municipalities": list(partner.municipalities),
        "status": partner.status.value,
        "added_at": partner.added_at.isoformat(),
    }
