"""How old the store is by its own count of seconds: one that counts less than before was put back.

What was decided on the older store would be told under numbers that are given out, so whoever is
about to decide after a doubt, or for a person, looks first.
"""

from typing import TYPE_CHECKING, Final

from pymongo.asynchronous.client_session import AsyncClientSession

from shared.errors import Away

if TYPE_CHECKING:
    from shared.engine.store.store import Store

__all__ = ["COLLECTION", "ROW", "check"]

COLLECTION: Final = "life"
ROW: Final = "store"

_PUT_BACK: Final = "the store was put back to an earlier state, and is to be compared first"


async def check(store: "Store", seen: int, session: AsyncClientSession | None = None) -> None:
    """See that the store counts at least as much as this process had seen.

    Args:
        store: the service's.
        seen: `store.beat` as it was before the first of what is to rest on this was read.
        session: whose transaction is to rest on it.

    Raises:
        Away: it was put back; it is closed until it has been compared with its own topics.
        PyMongoError: it cannot be asked.

    """
    row = await store.db[COLLECTION].find_one({"_id": ROW}, {"beat": 1}, session=session)
    if (row or {"beat": 0})["beat"] < seen:
        store.closed = store.closed or _PUT_BACK
        raise Away(_PUT_BACK)
