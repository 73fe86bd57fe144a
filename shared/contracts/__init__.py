"""The published contracts: the messages between services, and between services and partners.

One module per owner: `intake`, `mediation`, `psp` and `notify` hold the facts that each service
emits; `report` and `update` the messages from partners, `receipts` the replies to them, `envelope`
the headers of all messages. Contracts only grow: readers ignore unknown fields and types, and a breaking
change is a `.v2` beside the `.v1`. Pure: nothing here does I/O, reads a clock or draws a number.
"""

from abc import abstractmethod
from functools import lru_cache
from typing import ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

__all__ = ["CaseFact", "Fact", "source_of"]


class Fact(BaseModel):
    """Something that happened. Its id, time and sequence travel as headers, so a fact is pure data.

    A fact is thin: ids, codes, places, times. Never a name, a CPR number, an address, free text,
    or a sign of illness or offence.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    type: ClassVar[str]
    """`<service>.<fact_in_past_tense>.v<n>`: the `ce_type` of the fact."""
    draft: ClassVar[bool] = False
    """Whether it may still change: it is in no published schema and goes to no partner. A reader
    ignores a record of it that it cannot read (docs/contracts.md, "Drafts")."""

    @abstractmethod
    def subject(self) -> str:
        """Return what the fact is about: `ce_subject`, the record's key, and the scope of its sequence."""

    @abstractmethod
    def topic(self) -> str:
        """Return the topic that carries it; `ce_source` follows from it (`source_of`)."""

    def write(self) -> bytes:
        """Return the record's value: the fact as JSON."""
        return self.__pydantic_serializer__.to_json(self)

    @classmethod
    def read(cls, value: bytes) -> Self:
        """Return the fact in a record's value; raises pydantic's ValidationError when it is none."""
        read: Self = cls.__pydantic_validator__.validate_json(value)
        return read


class CaseFact(Fact):
    """A fact about one case, counted and ordered by that case."""

    case_id: UUID

    def subject(self) -> str:
        """Return the case."""
        written: str | None = self.__dict__.get("_subject")
        if written is None:
            # read several times for each event, and slow to format
            written = self.__dict__["_subject"] = str(self.case_id)
        return written


@lru_cache(maxsize=1024)
def source_of(topic: str) -> str:
    """Return the CloudEvents source that names a topic's stream: `/intake/cases/mediation`."""
    return "/" + topic.replace(".", "/")
