"""The manifest of a service, `services/<name>/service.yaml`: all that the rest of the system needs.

Topics, rights on broker and database, ports, processes, routes, secrets, containers and documents
follow from the manifests; none of them lists services by itself. What every service has in common
(settings of topics, collections of the engine) is declared once, in `common.yaml` beside this file.
`discovery.py` finds and reads them, `topics.py` joins the topics that they declare.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from shared.contracts.processes import Process

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Collection",
    "Common",
    "Index",
    "Manifest",
    "PartnerTopic",
    "Running",
    "Secret",
    "WrittenTopic",
    "expand",
]

_TAKEN: Final = frozenset(
    {"kafka", "controller", "mongo", "site", "issuer", "partner", "admin", "inspector", "demo"}
    | {"deal", "settle", "ingress", "archive", "broker", "seal", "session", "operator", "tokens"}
    | {"local", "signing", "config", "assets", "schemas", "master", "service"}
)
"""Names of programs, users, volumes and paths that are not services."""
_EACH_PROCESS: Final = "{process}"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _free(name: str) -> str:
    if name in _TAKEN:
        raise ValueError("the name is taken by another part of the system")
    return name


def _sentence(text: str) -> str:
    if not text.endswith(".") or "\n" in text:
        raise ValueError("must be one line that ends with a full stop")
    return text


_Name = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,20}$"), AfterValidator(_free)]
_TopicName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9.{}-]*$")]
_Route = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._-]+/\*$")]


class Secret(StrEnum):
    """A secret that not every service has. All have logins, a master key, a key to sign with and the session's secret."""

    INDEX_KEY = "index-key"
    """The key of search marks and ids."""
    SEAL_KEYS = "seal-keys"
    """A folder with the private keys that open sealed letters; the service writes the first."""
    SERVICE_TOKENS = "service-tokens"
    """A folder with the tokens of the services that call this one."""
    LOGIN = "login"
    """The client secret at the issuer where staff log in."""


class WrittenTopic(_Part):
    """A topic, as the service that writes it declares it."""

    name: _TopicName
    """`{process}` in it is replaced by each process that the service serves, or each there is."""
    partitions: Annotated[int, Field(ge=1)]
    """For good: keys would move if there were more or fewer."""
    keeps: Annotated[
        str, StringConstraints(pattern=r"^([1-9][0-9]{0,4}d|without_clock|without_end)$")
    ]
    """How long records stay: days (`14d`), `without_clock` (its head is cut) or `without_end`."""


class PartnerTopic(WrittenTopic):
    """A topic that each partner has; `{partner}` in its name is the partner's id."""

    writes: str
    """`partner`, or the service that writes it."""
    reads: str
    """`partner`, or the service that reads it."""


class Topics(_Part):
    """The topics of a service."""

    writes: tuple[WrittenTopic, ...] = ()
    """Topics that it alone writes. It reads them too: after a restore it counts on from their end."""
    partners: tuple[PartnerTopic, ...] = ()
    """Topics of each partner; declared by the service that talks with partners."""
    reads: tuple[_TopicName, ...] = ()
    """Topics of other services."""


class Index(_Part):
    """An index of a collection."""

    keys: Annotated[dict[str, Literal[1, -1]], Field(min_length=1)]
    unique: bool = False


class Collection(_Part):
    """A collection in the service's own database."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$")]
    holds: Literal["persons", "none"]
    """`persons`: its content is about people, under a name, a pseudonym or sealed."""
    append_only: bool = False
    """The service finds and inserts, and may neither change, remove nor index."""
    small_pages: bool = True
    """For what changes here and there: a change rewrites its whole page (docs/decisions/0014)."""
    indexes: tuple[Index, ...] = ()

    @model_validator(mode="after")
    def _indexed_by_one(self) -> Self:
        if self.indexes and not self.append_only:
            raise ValueError("a service makes the indexes of what it may change itself")
        return self


class Running(_Part):
    """How the service runs."""

    arguments: tuple[str, ...] = ()
    """After `python -m services.<name>`."""
    copies: Annotated[int, Field(ge=1, le=9)] = 1
    """How many processes share its partitions."""
    memory_mib: Annotated[int, Field(ge=128)] = 384
    """The limit of its container."""
    outside: bool = False
    """Whether it calls addresses beyond the system, such as the login's issuer."""


class Manifest(_Part):
    """A service, as its `service.yaml` declares it. Its folder gives the name."""

    name: _Name
    """Also its package below `services`, its user and database, and its path at the site."""
    does: Annotated[str, AfterValidator(_sentence)]
    """What it is for, in one sentence."""
    order: Annotated[int, Field(ge=0)] = 50
    """Its place among the services, in lists and at the start."""
    process: Running = Running()
    serves: tuple[Process, ...] = ()
    """The processes whose cases it handles; each process has one service at most."""
    calls: tuple[_Name, ...] = ()
    """Services that it asks over HTTP, with a token of its own."""
    secrets: tuple[Secret, ...] = ()
    topics: Topics = Topics()
    collections: tuple[Collection, ...] = ()
    """Beside those that every service has."""
    routes: tuple[_Route, ...] = ()
    """Paths of the site that lead to it."""

    @property
    def module(self) -> str:
        """What Python runs."""
        return f"services.{self.name}"

    @property
    def prefix(self) -> str:
        """How the names of its settings begin."""
        return f"{self.name.upper()}_"

    @property
    def writes(self) -> tuple[WrittenTopic, ...]:
        """The topics that it writes, each by its own name."""
        return tuple(
            topic.model_copy(update={"name": name})
            for topic in self.topics.writes
            for name in expand(topic.name, self.serves)
        )

    @property
    def reads(self) -> tuple[str, ...]:
        """The topics of others that it reads, each by its own name."""
        return tuple(name for topic in self.topics.reads for name in expand(topic, self.serves))

    def process_of(self, topic: str) -> Process | None:
        """Return the one process that a topic of this service is about; None where it may be any."""
        last = topic.rpartition(".")[2]
        if last in {process.value for process in Process}:
            return Process(last)
        return self.serves[0] if len(self.serves) == 1 else None


class PartnerNames(_Part):
    """What a partner is called on the broker."""

    user: str
    groups: str


class Common(_Part):
    """What all services have in common."""

    settings: dict[str, str | int]
    """Settings of every topic."""
    topics: tuple[WrittenTopic, ...]
    """Topics that every service writes and reads."""
    collections: tuple[Collection, ...]
    partner: PartnerNames
    inspector: str
    """The user that reads all topics, in the stack on one machine only."""


def expand(topic: str, serves: Iterable[Process]) -> tuple[str, ...]:
    """Return the topics of a declared name."""
    if _EACH_PROCESS not in topic:
        return (topic,)
    return tuple(topic.replace(_EACH_PROCESS, process) for process in tuple(serves) or Process)
