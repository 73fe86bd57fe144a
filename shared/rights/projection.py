"""The projection of staff in a service's own store, and whether it is current."""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from shared.engine import Processor, Store, Subscription
from shared.engine.consume.offset_store import Head
from shared.engine.failures.cancellation import is_cancelled
from shared.errors import ServiceError
from shared.rights.staff_facts import ENDED, STAFF, StaffFacts, prepare
from shared.runtime.wiring import Engine
from shared.staff.access import Staff
from shared.staff.directory import NotCurrent, stored_staff

__all__ = [
    "CURRENT_S",
    "STAFF_PROCESSORS",
    "StaffProjection",
    "Standing",
    "keep_projection",
    "staff_subscription",
]

CURRENT_S: Final = 60.0
"""For how many seconds the projection is current after the service stood at the topics' ends."""
_HEADS: Final = {"notify.staff": Head.CUT, "notify.sessions": Head.EXPIRES}
"""The topics that it is made of."""
STAFF_PROCESSORS: Final[dict[str, Processor[Any]]] = {"notify.": StaffFacts()}
"""What an operator's redrive of such a fact is done by."""
_LOOK_S: Final = 5.0
_LOOK_SOON_S: Final = 0.2
_FIRST_LOOKS: Final = 50

log = structlog.get_logger()


class Standing:
    """When this process last asked Kafka for the topics' ends, and the service stood there.

    That nothing changes, or that notify is away, does not make the projection old. A broker that does
    not answer does: nobody knows what stands there.
    """

    def __init__(self, subscription: Subscription, clock: Callable[[], float] = monotonic) -> None:
        self._subscription = subscription
        self._clock = clock
        self._stood_at: float | None = None

    @property
    def is_current(self) -> bool:
        """Whether the service stood at the ends within the last minute."""
        return self._stood_at is not None and self._clock() - self._stood_at <= CURRENT_S

    async def look(self) -> bool:
        """Ask now; return whether the service stands at the ends."""
        asked = self._clock()
        try:
            for topic in _HEADS:
                if not await self._subscription.stands_at_end(topic):
                    return False
        except (KafkaError, PyMongoError, ServiceError, OSError) as error:
            log.info("staff_not_current", error=type(error).__name__)
            return False
        self._stood_at = asked
        return True

    async def run(self) -> None:
        """Ask again and again until cancelled."""
        while not is_cancelled():
            stands = await self.look()
            await asyncio.sleep(_LOOK_S if stands else _LOOK_SOON_S)

    async def begin(self) -> None:
        """Wait until the service stands there for the first time, or not longer than a start may take."""
        for _ in range(_FIRST_LOOKS):
            if await self.look():
                return
            await asyncio.sleep(_LOOK_SOON_S)


class StaffProjection:
    """Who staff are now, by the projection (`shared.staff.directory.Directory`)."""

    def __init__(self, store: Store, standing: Standing) -> None:
        self._db = store.db
        self._standing = standing

    async def find(self, staff_id: str, session_id: str, transaction: Any = None) -> Staff | None:
        """Return somebody with the roles and places of now; see `Directory`."""
        if not self._standing.is_current:
            raise NotCurrent
        if await self._db[ENDED].find_one({"_id": session_id}, {"_id": 1}, session=transaction):
            return None
        known = await self._db[STAFF].find_one({"_id": staff_id}, session=transaction)
        if known is None or known.get("number") is None:
            return Staff(staff_id, staff_id, "", (), (), session=session_id)
        return stored_staff(known, session_id) if known["active"] else None


def staff_subscription(service: str) -> Subscription:
    """Return the subscription that feeds a service's projection."""
    return Subscription(*_HEADS, processor=StaffFacts(), group=f"{service}.staff", heads=_HEADS)


def keep_projection(engine: Engine, subscription: Subscription) -> None:
    """Let a service's engine keep its projection of staff, and ask it."""
    standing = Standing(subscription)
    store = engine.store
    engine.on_start.append(lambda: prepare(store))
    engine.on_reading.append(standing.begin)
    engine.background.append(standing.run)
    engine.directory = StaffProjection(store, standing)
