"""Showings of names in MongoDB, and the tokens of the forms inside them: ids, codes and times only.

A showing begins with a grant, whose id it has, so that a grant is used once. It can be made longer
while it is open, and ends for good an hour after its beginning. A token opens one form, once, for one
member of staff, showing, party and act; only its hash is kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from enum import StrEnum
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from uuid import UUID

if TYPE_CHECKING:
    from datetime import datetime

    from pymongo.asynchronous.database import AsyncDatabase

    from shared.security.grants import Grant

__all__ = [
    "LONGEST",
    "REASONS",
    "SHOWN_FOR",
    "TOKENS",
    "VIEWS",
    "Form",
    "FormToken",
    "NameView",
    "new_token",
    "prepare_views",
    "token_id",
]

VIEWS: Final = "name_views"
TOKENS: Final = "frame_tokens"
REASONS: Final = "name_reasons"
"""What somebody typed as the reason of a reading, sealed under the case's key, by the row of the log."""

SHOWN_FOR: Final = timedelta(minutes=15)
"""How long names stay in sight, and how much longer an extension keeps them."""
LONGEST: Final = timedelta(hours=1)
"""After this the form is opened again: what the grant said may not be so any more."""
_KEPT_FOR: Final = timedelta(days=1)
"""Longer than any grant lives; the audit log keeps the readings."""

Document = dict[str, Any]


class Form(StrEnum):
    """A form inside a showing."""

    ADD = "add"
    CORRECT = "correct"
    SAFE_WAY = "safe-way"
    CUSTODY = "custody"
    END_CUSTODY = "end-custody"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameView:
    """One showing of names to one member of staff."""

    id: str
    staff_id: str
    session: str
    case_id: UUID
    issuer: str
    side: str
    parties: tuple[UUID, ...]
    purpose: str
    named: bool
    begun: datetime
    until: datetime
    """When the names are out of sight."""

    @classmethod
    def of(cls, grant: Grant, purpose: str, now: datetime) -> Self:
        """Return the showing that a grant begins."""
        return cls(
            id=grant.id,
            staff_id=grant.staff_id,
            session=grant.session,
            case_id=grant.case_id,
            issuer=grant.issuer,
            side=grant.side,
            parties=grant.parties,
            purpose=purpose,
            named=grant.named,
            begun=now,
            until=now + SHOWN_FOR,
        )

    @classmethod
    def stored(cls, document: Document) -> Self:
        """Read a showing back."""
        fields = {name: document[name] for name in cls.__dataclass_fields__ if name != "id"}
        fields["case_id"] = UUID(fields["case_id"])
        fields["parties"] = tuple(map(UUID, fields["parties"]))
        return cls(id=document["_id"], **fields)

    def as_document(self) -> Document:
        """Return it as it is stored."""
        fields = asdict(self)
        return {
            "_id": fields.pop("id"),
            **fields,
            "case_id": str(self.case_id),
            "parties": [str(party) for party in self.parties],
        }

    def is_open(self, now: datetime) -> bool:
        """Whether the names are still in sight."""
        return now < self.until

    def extended(self, now: datetime) -> Self:
        """Return it a quarter of an hour longer, within the hour."""
        return replace(self, until=min(now + SHOWN_FOR, self.begun + LONGEST))

    def ended(self, now: datetime) -> Self:
        """Return it as a person hid it."""
        return replace(self, until=min(self.until, now))


class FormToken(NamedTuple):
    """What a token opens."""

    view_id: str
    form: Form
    party_id: UUID | None
    """None for a form about nobody who is there yet."""

    @classmethod
    def stored(cls, document: Document) -> FormToken:
        """Read a token's row back."""
        party = document["party_id"]
        return cls(document["view_id"], Form(document["form"]), UUID(party) if party else None)


def new_token(opens: FormToken, now: datetime) -> tuple[str, Document]:
    """Return a token, and the row that is stored of it."""
    token = token_urlsafe(32)
    row = {
        "_id": token_id(token),
        "view_id": opens.view_id,
        "form": opens.form.value,
        "party_id": None if opens.party_id is None else str(opens.party_id),
        "at": now,
        "used": False,
    }
    return token, row


def token_id(token: str) -> str:
    """Return the id of a token's row."""
    return hashlib.sha256(token.encode()).hexdigest()


async def prepare_views(db: AsyncDatabase[Document]) -> None:
    """Make the indexes that remove rows."""
    seconds = int(_KEPT_FOR.total_seconds())
    await db[VIEWS].create_index("begun", expireAfterSeconds=seconds)
    await db[TOKENS].create_index("at", expireAfterSeconds=seconds)
