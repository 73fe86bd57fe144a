"""The engine: nothing lost, every effect once, in the order of its case.

Read in this order: `door` (what a service gives), `unit` (what a handler sees), `facts` (order and
repeats), `batches` (one transaction), `worker` (one partition), `subscription` (the broker),
`store`, `watermarks`, `relay`, `room` (what stands still), and `deadlines` with their `scheduler`.
"""

from shared.engine.consume.inbox import Inbox
from shared.engine.consume.processor import Processor
from shared.engine.consume.subscription import Subscription
from shared.engine.kafka.connection import Connection
from shared.engine.parking.parking_lot import ParkingLot
from shared.engine.records import Message, Record
from shared.engine.store.document import Document, LoadedDocument, Needs
from shared.engine.store.store import Store
from shared.engine.store.unit_of_work import Unit
from shared.engine.timers.timers import Timer, Timers
from shared.errors import Rejected, Unavailable

__all__ = [
    "Connection",
    "Document",
    "Inbox",
    "LoadedDocument",
    "Message",
    "Needs",
    "ParkingLot",
    "Processor",
    "Record",
    "Rejected",
    "Store",
    "Subscription",
    "Timer",
    "Timers",
    "Unavailable",
    "Unit",
]
