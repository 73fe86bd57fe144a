"""A lease on mongod's clock. It spares double work; nothing may rest on it."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from pymongo.errors import DuplicateKeyError

from shared.engine.crash_points import reach
from shared.engine.store import Store

__all__ = ["LEASE_S", "hold"]

LEASE_S: Final = 5
_RUN_OUT: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def hold(store: Store, name: str, holder: str) -> bool:
    """Take or renew the lease; False while another holder's has not run out."""
    until = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": LEASE_S}}
    free = {"$or": [{"holder": holder}, {"$expr": {"$lt": ["$until", "$$NOW"]}}]}
    renewed = await store.db.leases.update_one(
        {"_id": name, **free}, [{"$set": {"holder": holder, "until": until}}]
    )
    if renewed.matched_count:
        reach("lease.taken")
        return True
    with suppress(DuplicateKeyError):  # another's, that has not run out: the usual case
        await store.db.leases.insert_one({"_id": name, "holder": holder, "until": _RUN_OUT})
    return False
