"""A document as a unit of work holds it, with what the engine knows of it.

It carries two fields of the engine's own, which handlers never see: `version`, by which a write is
guarded, and `protocol`, in which a case counts what it has taken in (`marks`, per source) and told
(`sequences`, per stream), whether events wait in its room, and why it is parked.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Document", "Key", "LoadedDocument", "Needs", "Protocol"]

Document = dict[str, Any]
Key = tuple[str, str]
Needs = Mapping[str, Any]
"""Which documents are wanted: collection -> ids."""


class Protocol(msgspec.Struct, frozen=True, gc=False):
    """What a case remembers of the streams it reads and writes; it outlives the case's content."""

    marks: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Per source, the last sequence that had its effect here."""
    sequences: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Per stream, the last sequence told from here."""
    waiting: bool = False
    """Whether events of this case may stand in the room."""
    parked: str | None = None
    """Why the case stands still, in one sentence."""

    def marked(self, source: str, sequence: int) -> "Protocol":
        """The same, with one more event taken in."""
        return Protocol({**self.marks, source: sequence}, self.sequences, self.waiting, self.parked)

    def emitted(self, stream: str, sequence: int) -> "Protocol":
        """The same, with one more fact told."""
        sequences = {**self.sequences, stream: sequence}
        return Protocol(self.marks, sequences, self.waiting, self.parked)

    def as_document(self) -> Document:
        """As it is stored; what is as usual is left out."""
        stored: Document = {"marks": self.marks, "sequences": self.sequences}
        if self.waiting:
            stored["waiting"] = True
        if self.parked is not None:
            stored["parked"] = self.parked
        return stored


class LoadedDocument(msgspec.Struct, gc=False):
    """A document as the unit holds it."""

    fields: Document | None = None
    """What handlers see; None where nothing was saved yet."""
    protocol: Protocol = Protocol()
    version: int = 0
    """As stored when it was loaded; 0 where nothing is stored."""
    changed: bool = False

    @classmethod
    def stored(cls, document: Document) -> "LoadedDocument":
        """A document as MongoDB gave it."""
        version = document.pop("version")
        protocol = Protocol(**document.pop("protocol", {}))
        return cls(document if len(document) > 1 else None, protocol, version)

    def as_document(self, document_id: str) -> Document:
        """As it is stored next."""
        return {
            **(self.fields or {}),
            "_id": document_id,
            "version": self.version + 1,
            "protocol": self.protocol.as_document(),
        }
