"""The engine: nothing lost, every effect once, in the order of its case.

Read in this order: `door` (what a service gives), `unit` (what a handler sees), `facts` (order and
repeats), `slices` (one transaction), `lane` (one partition), `subscription` (the broker),
`store`, `watermarks`, `relay`, `room` (what stands still), and `deadlines` with their `ticker`.
"""

from shared.engine.connection import Connection
from shared.engine.deadlines import Deadlines, Due
from shared.engine.door import Door
from shared.engine.facts import Facts
from shared.engine.held import Document, Held, Needs
from shared.engine.records import Message, Record
from shared.engine.room import Room
from shared.engine.store import Store
from shared.engine.subscription import Subscription
from shared.engine.unit import Unit
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
