"""The engine: no event is lost, each has its effect once, in the order of its case.

This package is the façade for services. Read the layers in this order: `consume.processor` (what a
service implements), `store.unit_of_work` (what a handler uses), `consume.inbox` (order and repeats),
`consume.batch` (one transaction), `consume.partition_worker` (one partition), `consume.subscription`
(the consumer group), `consume.offset_store` (watermarks), `store.store` (the database), `outbox.relay`
(publishing), `parking.parking_lot` (failed events), `timers.scheduler` (deadlines) and
`rollback.detector` (a restored database).
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
