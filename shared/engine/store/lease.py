"""Leases by mongod's clock. They avoid double work, and no guarantee depends on them.

A plain lease (`acquire`) names its holder. An owned one (`own`) also fences: its owner writes it in
each of its transactions (`fence`), so that an owner that has lost it cannot commit.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError

from shared.crash_points import reach
from shared.engine.store.store import Store
from shared.errors import Fenced

__all__ = ["LEASE_S", "acquire", "fence", "own"]

LEASE_S: Final = 5
_RUN_OUT: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNTIL: Final = {"$dateAdd": {"startDate": "$$NOW", "unit": "second", "amount": LEASE_S}}


async def acquire(store: Store, name: str, holder: str) -> bool:
    """Take or renew the lease. False while another holder's has not expired."""
    if await _renewed(store, name, holder):
        return True
    try:
        await store.db.leases.insert_one({"_id": name, "holder": holder, "until": _RUN_OUT})
    except DuplicateKeyError:  # another holder's, which has not expired: the usual case
        return False
    return await _renewed(store, name, holder)  # the lease is new: a rival may still be first


async def _renewed(store: Store, name: str, holder: str) -> bool:
    free = {"$or": [{"holder": holder}, {"$expr": {"$lt": ["$until", "$$NOW"]}}]}
    renewed = await store.db.leases.update_one(
        {"_id": name, **free}, [{"$set": {"holder": holder, "until": _UNTIL}}]
    )
    if renewed.matched_count:
        reach("lease.taken")
    return bool(renewed.matched_count)


async def own(store: Store, name: str, holder: str, session: AsyncClientSession) -> bool:
    """Take or renew a lease for a session. False while another owner's has not expired.

    A successor, or the same holder after a restart, ends the session of the owner before: an open
    transaction of a killed process would lock the lease's document until it times out.
    """
    mine = session.session_id["id"]
    row = await store.db.leases.find_one(
        {"_id": name},
        {"session": 1, "holder": 1, "has_run_out": {"$lt": ["$until", "$$NOW"]}},
    )
    if row is None:
        with suppress(DuplicateKeyError):  # a rival was first: the update decides
            await store.db.leases.insert_one({"_id": name, "holder": "", "until": _RUN_OUT})
        row = {"holder": "", "has_run_out": True}
    before = row.get("session")
    if before != mine:
        if row["holder"] != holder and not row["has_run_out"]:
            return False
        if before is not None:
            await store.client.admin.command("killSessions", [{"id": before}])
    # the session itself writes, which ends a transaction that a failed commit left open in it
    owned = await store.db.leases.update_one(
        {"_id": name, "session": before},
        [{"$set": {"holder": holder, "session": mine, "until": _UNTIL}}],
        session=session,
    )
    return owned.matched_count == 1


async def fence(store: Store, name: str, session: AsyncClientSession) -> datetime:
    """Write an owned lease inside the session's transaction; return mongod's time.

    Raises:
        Fenced: another owner has taken the lease.

    """
    row = await store.db.leases.find_one_and_update(
        {"_id": name, "session": session.session_id["id"]},
        [{"$set": {"used_at": "$$NOW"}}],
        session=session,
        return_document=ReturnDocument.AFTER,
    )
    if row is None:
        raise Fenced("another owner has taken the lease")
    used_at: datetime = row["used_at"]
    return used_at
