"""A lease on mongod's clock. It spares double work; nothing may rest on it."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from shared.engine.store import Store

__all__ = ["LEASE_S", "hold"]

LEASE_S: Final = 5


async def hold(store: Store, name: str, holder: str) -> bool:
    """Take or renew the lease; False while another holder's has not run out."""
    until = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": LEASE_S}}
    free = {"$or": [{"holder": holder}, {"$expr": {"$lt": ["$until", "$$NOW"]}}]}
    try:
        await store.db.leases.update_one(
            {"_id": name, **free}, [{"$set": {"holder": holder, "until": until}}], upsert=True
        )
    except DuplicateKeyError:
        return False
    return True
