"""Partners in MongoDB: which authorities may send, of which kind, for which municipalities.

An id is never used again: the topics of a removed partner may still hold its records, and nobody
else may appear as their sender.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from shared.contracts.processes import PartnerKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pymongo.asynchronous.database import AsyncDatabase

__all__ = ["COLLECTION", "Partner", "PartnerStatus", "every", "known_as"]

COLLECTION = "partners"

Document = dict[str, Any]


class PartnerStatus(StrEnum):
    """Whether a partner may still send."""

    ACTIVE = "active"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """An authority that sends reports. Its id is the name of its topics."""

    id: str
    kind: PartnerKind
    municipalities: tuple[str, ...]
    """Kommunekoder; empty if it works for the whole district."""
    added_at: datetime
    status: PartnerStatus = PartnerStatus.ACTIVE
    client_secret_sha256: str | None = None
    """Hexadecimal digest of its client secret for HTTP; the secret is 256 random bits."""

    @classmethod
    def stored(cls, document: Document) -> Self:
        """Read a partner back."""
        return cls(
            id=document["_id"],
            kind=PartnerKind(document["kind"]),
            municipalities=tuple(document["municipalities"]),
            added_at=document["added_at"],
            status=PartnerStatus(document["status"]),
            client_secret_sha256=document.get("client_secret_sha256"),
        )

    def as_document(self) -> Document:
        """Return it as it is stored."""
        return {
            "_id": self.id,
            "kind": self.kind.value,
            "municipalities": list(self.municipalities),
            "status": self.status.value,
            "added_at": self.added_at,
            "client_secret_sha256": self.client_secret_sha256,
        }


async def known_as(db: AsyncDatabase[Document], ids: Iterable[str]) -> dict[str, Partner]:
    """Return those of the ids that are registered, removed ones too, in one query."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    found = db[COLLECTION].find({"_id": {"$in": wanted}})
    return {document["_id"]: Partner.stored(document) async for document in found}


async def every(db: AsyncDatabase[Document]) -> list[Partner]:
    """Return all partners, by id."""
    return [Partner.stored(document) async for document in db[COLLECTION].find().sort("_id", 1)]
