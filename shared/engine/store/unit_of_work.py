"""The unit of work: a batch's documents in memory, and all that one transaction will write.

Handlers load from it, save to it and emit into it. It does not use the network.
"""

from datetime import UTC, datetime
from secrets import token_bytes
from typing import Any

from bson import ObjectId

from shared.contracts import Fact, source_of
from shared.contracts.envelope import Envelope
from shared.engine.records import Message, Record
from shared.engine.store.document import Document, Key, LoadedDocument, Protocol
from shared.engine.store.numbering import Counting, Numbering
from shared.engine.store.outgoing import Outgoing
from shared.engine.store.parked_rows import ParkedRows
from shared.engine.store.trace import Trace
from shared.errors import TooMuch
from shared.observability.tracing import Tracing

__all__ = ["Unit"]

Savepoint = tuple[int, int, int, int, int, int, int]


class Unit:
    """One transaction's work, before it is written."""

    def __init__(
        self,
        *,
        cases: str,
        now: datetime,
        tracing: Tracing | None = None,
        numbering: Numbering | None = None,
    ) -> None:
        self.cases = cases
        """The collection whose documents are the service's cases."""
        self.now = now
        """The time that rules may rely on, UTC."""
        self.appended_ms: int | None = None
        """When the broker appended the event that is handled, in ms since 1970."""
        self.trace = Trace(tracing)
        self.outgoing = Outgoing()
        self.parked = ParkedRows()
        self.rows: list[tuple[str, Document]] = []
        """Documents to be inserted, with their collections."""
        self.timers: list[tuple[str, Document | None]] = []
        """Deadlines set, moved or (None) cancelled, in this order; see `shared.engine.timers`."""
        self.failures: list[tuple[str, str]] = []
        """(cause, case) of each parked event."""
        self.duplicates = 0
        """Events that were dropped as repeats."""
        self.most_bytes: int | None = None
        """Bytes that it may load, and again that it may send; None for no limit."""
        self.numbering = numbering or Counting()
        self._loaded_bytes = 0
        self._rising = int(now.timestamp()).to_bytes(4, "big") + token_bytes(5)
        self._added = 0
        self._documents: dict[Key, LoadedDocument] = {}
        self._undo: list[tuple[LoadedDocument, Document | None, Protocol, bool]] = []

    @property
    def appended_at(self) -> datetime:
        """When the broker appended the event that is handled; `now` if there is no event."""
        at_ms = self.appended_ms
        return self.now if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC)

    def weigh(self, size: int) -> None:
        """Account for loaded bytes.

        Raises:
            TooMuch: the sum exceeds the limit.

        """
        self._loaded_bytes += size
        self._check(self._loaded_bytes)

    def weigh_outgoing(self) -> None:
        """Raise TooMuch if the messages exceed the limit."""
        self._check(self.outgoing.size)

    def _check(self, size: int) -> None:
        if self.most_bytes is not None and size > self.most_bytes:
            raise TooMuch(f"{size} bytes for one transaction")

    def track(
        self, collection: str, document_id: str, loaded: LoadedDocument | None = None
    ) -> None:
        """Add a loaded document, or the knowledge that none is stored."""
        key = (collection, document_id)
        if key not in self._documents:
            self._documents[key] = loaded or LoadedDocument()

    def tracks(self, collection: str, document_id: str) -> bool:
        """Whether the document was loaded, or was looked for."""
        return (collection, document_id) in self._documents

    def load(self, collection: str, document_id: str) -> Document | None:
        """Return the document as the unit's earlier events left it, or None.

        The caller gets a copy. Changes take effect when it is saved.

        Raises:
            LookupError: the event's `needs` do not name it: a bug of the handler.

        """
        fields = self.document(collection, document_id).fields
        return None if fields is None else _copied(fields)

    def document(self, collection: str, document_id: str) -> LoadedDocument:
        """Return the document with the engine's own fields; raises LookupError as `load` does."""
        try:
            return self._documents[collection, document_id]
        except KeyError:
            raise LookupError(
                f"a document of {collection} is not among the event's needs"
            ) from None

    def save(self, collection: str, document: Document) -> None:
        """Write the whole document at commit, unless another transaction has written it since."""
        self._put(self.document(collection, document["_id"]), document, None)

    def touch(self, collection: str, document_id: str, protocol: Protocol) -> None:
        """Write the engine's fields of a case; its content does not change."""
        self._put(self.document(collection, document_id), None, protocol)

    def add(self, collection: str, document: Document) -> None:
        """Insert a document at commit that is not loaded again: an audit entry, say.

        A document without an `_id` gets one that rises with time: MongoDB inserts it at half the
        cost of a random one.
        """
        if "_id" not in document:
            self._added += 1
            document["_id"] = ObjectId(self._rising + self._added.to_bytes(3, "big"))
        self.rows.append((collection, document))

    def emit(self, *facts: Fact, counted_in: Key | None = None) -> None:
        """Publish `facts` with the commit, each numbered by its stream and subject.

        The number is counted in the case's document (or in `counted_in`), which is written too. So
        two writers never give out the same number.
        """
        for fact in facts:
            subject, topic = fact.subject(), fact.topic()
            stream = source_of(topic)
            loaded = self.document(*(counted_in or (self.cases, subject)))
            counted = loaded.protocol.sequences.get(stream, 0)
            value = fact.write()
            sequence, is_sent = self.numbering.number(stream, subject, counted, fact.type, value)
            envelope = Envelope(
                f"{stream}/{subject}/{sequence}",
                stream,
                fact.type,
                self.now,
                subject,
                sequence=sequence,
                traceparent=self.trace.parent,
            )
            if not is_sent:
                self.send(Message(topic, subject, envelope, value))
            self._put(loaded, None, loaded.protocol.emitted(stream, sequence))

    def send(self, message: Message) -> None:
        """Publish a message with the commit that has no sequence number, such as a receipt."""
        if self.trace.tracing is not None:
            message.trace = self.trace.parent
        self.outgoing.add(message)

    def set_aside(self, record: Record, reason: str, cause: str | None = None) -> None:
        """Park a whole record that belongs to no known case, by its position in the log."""
        self.parked.set_aside(record, reason, cause or reason, at=self.now)

    def savepoint(self) -> Savepoint:
        """Return the unit's present state, for `roll_back`."""
        return (
            len(self._undo),
            len(self.outgoing.messages),
            len(self.rows),
            len(self.parked.kept),
            len(self.timers),
            len(self.trace.spans),
            self.numbering.savepoint(),
        )

    def roll_back(self, to: Savepoint) -> None:
        """Undo all that was saved, added, emitted and set aside since the savepoint."""
        undo, messages, rows, kept, timers, spans, numbers = to
        self.numbering.roll_back(numbers)
        self.trace.roll_back(spans)
        while len(self._undo) > undo:
            loaded, fields, protocol, changed = self._undo.pop()
            loaded.fields, loaded.protocol, loaded.changed = fields, protocol, changed
        self.outgoing.roll_back(messages)
        del self.rows[rows:]
        del self.timers[timers:]
        self.parked.roll_back(kept)

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
