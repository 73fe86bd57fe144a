"""A document in a unit of work, with the engine's own fields.

Handlers never see these two fields. `version` guards each write. `protocol` counts the events that a
case has processed (`marks`, per source) and sent (`sequences`, per stream), and says whether events of
it wait and why it is parked.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

__all__ = ["NOTHING", "Document", "Key", "LoadedDocument", "Needs", "Protocol"]

Document = dict[str, Any]
Key = tuple[str, str]
Needs = Mapping[str, Any]
"""Documents to be loaded: collection -> ids."""
NOTHING: Final[Needs] = {}


class Protocol(msgspec.Struct, frozen=True, gc=False):
    """The counters of a case for the streams that it reads and writes. They outlive its content."""

    marks: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Per source, the sequence number of the last processed event."""
    sequences: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Per stream, the sequence number of the last sent fact."""
    waiting: bool = False
    """Whether events of this case may be parked."""
    parked: str | None = None
    """Why the case is parked, in one sentence; None if it is not."""

    def marked(self, source: str, sequence: int) -> "Protocol":
        """Return a copy with one more processed event."""
        return Protocol({**self.marks, source: sequence}, self.sequences, self.waiting, self.parked)

    def emitted(self, stream: str, sequence: int) -> "Protocol":
        """Return a copy with one more sent fact."""
        sequences = {**self.sequences, stream: sequence}
        return Protocol(self.marks, sequences, self.waiting, self.parked)

    def as_document(self) -> Document:
        """Return it as it is stored. Defaults are left out."""
        stored: Document = {"marks": self.marks, "sequences": self.sequences}
        if self.waiting:
            stored["waiting"] = True
        if self.parked is not None:
            stored["parked"] = self.parked
        return stored


class LoadedDocument(msgspec.Struct, gc=False):
    """A document in a unit of work."""

    fields: Document | None = None
    """The fields that handlers see; None if nothing was saved yet."""
    protocol: Protocol = Protocol()
    version: int = 0
    """The stored version when it was loaded; 0 if nothing is stored."""
    changed: bool = False

    @classmethod
    def stored(cls, document: Document) -> "LoadedDocument":
        """Read a document of MongoDB."""
        version = document.pop("version")
        protocol = Protocol(**document.pop("protocol", {}))
        return cls(document if len(document) > 1 else None, protocol, version)

    def as_document(self, document_id: str) -> Document:
        """Return it as it is written, with the next version."""
        return {
            **(self.fields or {}),
            "_id": document_id,
            "version": self.version + 1,
            "protocol": self.protocol.as_document(),
        }
