"""The unit of work: a batch's documents in memory, and all that one transaction will write.

Handlers load from it, save to it and emit into it; nothing here touches the network.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from secrets import token_bytes
from typing import Any

from bson import ObjectId

from shared.contracts import Fact, source_of
from shared.contracts.envelope import Envelope
from shared.engine.records import Message, Record, record_row
from shared.engine.rollback.republished import Republished
from shared.engine.store.document import Document, Key, LoadedDocument, Protocol
from shared.errors import TooMuch
from shared.observability.tracing import Span, Tracing

__all__ = ["WAITING", "Unit"]

WAITING = "waiting"
"""The state of an event in the room that nothing is wrong with: it waits for one before it."""

Savepoint = tuple[int, int, int, int, int, int, int]

_RESUMED = 500


class Unit:
    """One transaction's work, before it is written."""

    def __init__(self, *, cases: str, now: datetime, tracing: Tracing | None = None) -> None:
        self.cases = cases
        """The collection whose documents are the service's cases."""
        self.now = now
        """The time that rules may rely on, UTC."""
        self.appended_ms: int | None = None
        """When the broker took in the event that is being handled, in ms since 1970."""
        self.traceparent: str | None = None
        """The trace that the event being handled belongs to."""
        self.tracing = tracing
        self.spans: list[Span] = []
        """What is told of traces once all is committed."""
        self.messages: list[Message] = []
        self.rows: list[tuple[str, Document]] = []
        self.kept: dict[str, Document] = {}
        self.freed: set[str] = set()
        self.parked_rows: dict[str, dict[str, Document]] = {}
        """Per case, the events that wait, by row id."""
        self.may_resume = _RESUMED
        """How many waiting events may still be applied in this transaction."""
        self.parked_is_complete = True
        """Whether all that waits was loaded."""
        self.timers: list[tuple[str, Document | None]] = []
        """Deadlines set, moved or (None) cancelled, in this order; see `shared.engine.timers.timers`."""
        self.failures: list[tuple[str, str]] = []
        """(cause, case) of what was parked."""
        self.duplicates = 0
        self.most_bytes: int | None = None
        """Bytes that it may load, and again that it may tell; None where nothing bounds it."""
        self._loaded_bytes = 0
        self._outgoing_bytes = 0
        self.republished = Republished()
        """What was told of these documents before the store was put back."""
        self._rising = int(now.timestamp()).to_bytes(4, "big") + token_bytes(5)
        self._added = 0
        self._documents: dict[Key, LoadedDocument] = {}
        self._undo: list[tuple[LoadedDocument, Document | None, Protocol, bool]] = []

    @property
    def appended_at(self) -> datetime:
        """When the broker took in the event that is being handled; now, if none is."""
        told = self.appended_ms
        return self.now if told is None else datetime.fromtimestamp(told / 1000, UTC)

    def weigh(self, size: int) -> None:
        """Account for bytes that were loaded.

        Raises:
            TooMuch: they are more than it may load.

        """
        self._loaded_bytes += size
        self._check(self._loaded_bytes)

    def weigh_outgoing(self) -> None:
        """See that it does not tell more than it may; raises TooMuch."""
        self._check(self._outgoing_bytes)

    def _check(self, size: int) -> None:
        if self.most_bytes is not None and size > self.most_bytes:
            raise TooMuch(f"{size} bytes for one transaction")

    def track(
        self, collection: str, document_id: str, loaded: LoadedDocument | None = None
    ) -> None:
        """Take a loaded document in (or the knowledge that there is none)."""
        key = (collection, document_id)
        if key not in self._documents:
            self._documents[key] = loaded or LoadedDocument()

    def tracks(self, collection: str, document_id: str) -> bool:
        """Whether the document was asked for already."""
        return (collection, document_id) in self._documents

    def load(self, collection: str, document_id: str) -> Document | None:
        """Return the document as the unit's earlier events left it, or None.

        It is the caller's own: what is changed in it counts once it is saved, and not before.

        Raises:
            LookupError: it is not among what the event `needs`: a bug of the handler.

        """
        fields = self.document(collection, document_id).fields
        return None if fields is None else _copied(fields)

    def document(self, collection: str, document_id: str) -> LoadedDocument:
        """Return the document with what the engine knows of it."""
        try:
            return self._documents[collection, document_id]
        except KeyError:
            raise LookupError(
                f"a document of {collection} is not among the event's needs"
            ) from None

    def save(self, collection: str, document: Document) -> None:
        """Write the whole document at commit, if nobody else wrote it since it was loaded."""
        self._put(self.document(collection, document["_id"]), document, None)

    def touch(self, collection: str, document_id: str, protocol: Protocol) -> None:
        """Write what the engine knows of a case; its content stays as it is."""
        self._put(self.document(collection, document_id), None, protocol)

    def add(self, collection: str, document: Document) -> None:
        """Insert a row at commit that nobody loads: an audit entry, say.

        Without an `_id` it gets one that rises with time, which MongoDB files at half the cost of
        a random one.
        """
        if "_id" not in document:
            self._added += 1
            document["_id"] = ObjectId(self._rising + self._added.to_bytes(3, "big"))
        self.rows.append((collection, document))

    def emit(self, *facts: Fact, counted_in: Key | None = None) -> None:
        """Promise to publish `facts`, each numbered by its stream and subject.

        The number is counted in the case's document (or in `counted_in`), so the document is
        written too: two writers can never give out one number.
        """
        for fact in facts:
            subject, topic = fact.subject(), fact.topic()
            stream = source_of(topic)
            loaded = self.document(*(counted_in or (self.cases, subject)))
            counted = loaded.protocol.sequences.get(stream, 0)
            value = fact.write()
            sequence, is_told = self.republished.number(stream, subject, counted, fact.type, value)
            envelope = Envelope(
                f"{stream}/{subject}/{sequence}",
                stream,
                fact.type,
                self.now,
                subject,
                sequence=sequence,
                traceparent=self.traceparent,
            )
            if not is_told:
                self.send(Message(topic, subject, envelope, value))
            self._put(loaded, None, loaded.protocol.emitted(stream, sequence))

    def continue_trace(
        self,
        trace: str | None,
        what: str,
        record: Record,
        about: Callable[[], dict[str, Any]],
    ) -> None:
        """Let what comes now belong to a trace; to a new one where that is None.

        Where nothing is traced, what is told carries the trace on as it came.
        """
        if self.tracing is None:
            self.traceparent = trace
            return
        attributes = {  # a record that waited in the database has numbers of BSON's own type
            "messaging.destination.name": record.topic,
            "messaging.destination.partition.id": int(record.partition),
            "messaging.kafka.offset": int(record.offset),
            "samraad.appended_ms": int(record.timestamp_ms),
            **about(),
        }
        self.traceparent, step = self.tracing.begin(trace, what, "consumer", attributes)
        if step is not None:
            self.spans.append(step)

    def send(self, message: Message) -> None:
        """Promise to publish a message that has no sequence, such as a receipt."""
        if self.tracing is not None:
            message.trace = self.traceparent
        self.messages.append(message)
        self._outgoing_bytes += message.size

    def set_aside(self, record: Record, reason: str, cause: str | None = None) -> None:
        """Keep a record whole, by its position, that no case can be found for."""
        row = record_row(record, state="unreadable", reason=reason, at=self.now)
        row["cause"] = cause or reason
        self.kept[row["_id"]] = row

    def keep(self, row: Document) -> None:
        """Put an event into its case's room; a repeat of one that is there changes nothing."""
        parked = self.parked_rows.setdefault(row["case_id"], {})
        if row["state"] == WAITING and row["_id"] in parked:
            return
        parked[row["_id"]] = row
        self.freed.discard(row["_id"])
        self.kept[row["_id"]] = row

    def free(self, row: Document) -> None:
        """Take an event out of its case's room."""
        self.parked_rows[row["case_id"]].pop(row["_id"])
        self.kept.pop(row["_id"], None)
        self.freed.add(row["_id"])

    def savepoint(self) -> Savepoint:
        """Where the unit stands now, to come back to."""
        return (
            len(self._undo),
            len(self.messages),
            len(self.rows),
            len(self.kept),
            len(self.timers),
            len(self.spans),
            self.republished.savepoint(),
        )

    def roll_back(self, to: Savepoint) -> None:
        """Undo all that was saved, added, emitted and set aside since the savepoint."""
        undo, messages, rows, kept, due, steps, known = to
        self.republished.roll_back(known)
        for step in self.spans[steps:]:
            step.failed = True
        while len(self._undo) > undo:
            loaded, fields, protocol, changed = self._undo.pop()
            loaded.fields, loaded.protocol, loaded.changed = fields, protocol, changed
        self._outgoing_bytes -= sum(message.size for message in self.messages[messages:])
        del self.messages[messages:]
        del self.rows[rows:]
        del self.timers[due:]
        for row_id in list(self.kept)[kept:]:
            del self.kept[row_id]

    def changes(self) -> list[tuple[Key, LoadedDocument]]:
        """The documents to be written."""
        return [(key, loaded) for key, loaded in self._documents.items() if loaded.changed]

    def _put(
        self, loaded: LoadedDocument, fields: Document | None, protocol: Protocol | None
    ) -> None:
        self._undo.append((loaded, loaded.fields, loaded.protocol, loaded.changed))
        loaded.changed = True
        if fields is not None:
            loaded.fields = fields
        if protocol is not None:
            loaded.protocol = protocol


def _copied(value: Any) -> Any:
    """Copy what can be changed in place; everything else in a document is a value."""
    if isinstance(value, dict):
        return {name: _copied(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_copied(each) for each in value]
    return value
