"""The key of a form: a second post of it gives the outcome of the first, and does nothing.

A key counts for one member of staff, act and case: the key of another person does not exist. Its row
holds a hash of the input and the outcome, which is a status and an address, never content. It is
written in the act's own transaction. Rows are removed after 30 days.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from pymongo.asynchronous.client_session import AsyncClientSession

from shared.engine import Document, Store, Unit

__all__ = ["KEPT_FOR", "FormKey", "find_key", "keep_key", "prepare_keys"]

_COLLECTION: Final = "form_keys"
KEPT_FOR: Final = timedelta(days=30)
"""Longer than any draft of a form."""


class FormKey(NamedTuple):
    """Identifies one post of a form: staff, act, case, key and input."""

    staff_id: str
    act: str
    case_id: UUID
    key: UUID
    values: Mapping[str, object]
    """Everything that the person sent beside the key."""

    @property
    def row_id(self) -> str:
        """The id of its row."""
        return "|".join((self.staff_id, self.act, str(self.case_id), str(self.key)))

    @property
    def digest(self) -> str:
        """The hash of the input."""
        text = json.dumps(dict(self.values), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


async def prepare_keys(store: Store) -> None:
    """Make the index that removes rows."""
    await store.db[_COLLECTION].create_index("at", expireAfterSeconds=int(KEPT_FOR.total_seconds()))


async def find_key(store: Store, key: FormKey, session: AsyncClientSession) -> Document | None:
    """Return the row of an earlier post of the form: `input` and `outcome`."""
    return await store.db[_COLLECTION].find_one({"_id": key.row_id}, session=session)


def keep_key(unit: Unit, key: FormKey, outcome: Document) -> None:
    """Keep the outcome of a post with the unit's commit."""
    row = {"_id": key.row_id, "at": unit.now, "input": key.digest, "outcome": outcome}
    unit.add(_COLLECTION, row)
