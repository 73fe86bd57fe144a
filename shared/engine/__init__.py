"""The engine: nothing lost, every effect once, in the order of its case.

Read in this order: `door` (what a service gives), `unit` (what a handler sees), `facts` (order and
repeats), `slices` (one transaction), `lane` (one partition), `subscription` (the broker),
`store`, `watermarks`, `relay`, `room` (what stands still), and `deadlines` with their `ticker`.
"""

from shared.engine.consume.inbox import Facts
from shared.engine.consume.processor import Door
from shared.engine.consume.subscription import Subscription
from shared.engine.kafka.connection import Connection
from shared.engine.parking.parking_lot import Room
from shared.engine.records import Message, Record
from shared.engine.store.document import Document, Held, Needs
from shared.engine.store.store import Store
from shared.engine.store.unit_of_work import Unit
from shared.engine.timers.timers import Deadlines, Due
from shared.errors import Rejected, Unavailable

__all__ = [
    "Connection",
    "Deadlines",
    "Document",
    "Door",
    "Due",
    "Facts",
    "Held",
    "Message",
    "Needs",
    "Record",
    "Rejected",
    "Room",
    "Store",
    "Subscription",
    "Unavailable",
    "Unit",
]
