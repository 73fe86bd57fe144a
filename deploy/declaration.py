"""The declaration of topics, read from `topics.yaml`: pure, it knows no broker.

A right is what one user may do to one resource; all rights follow from who writes and reads what.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

__all__ = ["Declaration", "DeclarationWrong", "Right", "Topic", "load"]

DECLARED: Final = Path(__file__).with_name("topics.yaml")

_DAYS: Final = re.compile(r"([1-9][0-9]{0,4})d\Z", re.ASCII)
_DAY_MS: Final = 86_400_000
_FOREVER: Final = frozenset({"without_clock", "without_end"})
_PARTNER: Final = "partner"


class DeclarationWrong(ValueError):
    """The declaration contradicts itself; the sentence says where."""


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Right:
    """What a user may (or, denied, may not) do to a resource: one ACL."""

    user: str
    resource: str
    name: str
    pattern: str = "LITERAL"
    operation: str
    permission: str = "ALLOW"
    host: str = "*"

    def __str__(self) -> str:
        """As an operator reads it."""
        verb = "" if self.permission == "ALLOW" else "never "
        star = "*" if self.pattern == "PREFIXED" else ""
        return f"{verb}{self.operation.lower()} {self.resource.lower()} {self.name}{star}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as it must be."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(hash=False)
    writes: tuple[str, ...]
    reads: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Everything that `topics.yaml` says."""

    services: tuple[str, ...]
    topics: tuple[Topic, ...]
    inspector: str
    _partner_user: str
    _partner_groups: str
    _partner_topics: tuple[Topic, ...]

    @property
    def any_partner_topics(self) -> tuple[Topic, ...]:
        """The topics that each partner has, with `{partner}` in their names."""
        return self._partner_topics

    def partner_user(self, partner: str) -> str:
        """Name the broker user of a partner; no service can be called so."""
        return self._partner_user.format(partner=partner)

    def partner_topics(self, partner: str) -> tuple[Topic, ...]:
        """List the topics of a partner."""
        user = self.partner_user(partner)
        return tuple(
            Topic(
                name=topic.name.format(partner=partner),
                partitions=topic.partitions,
                config=topic.config,
                writes=tuple(user if who == _PARTNER else who for who in topic.writes),
                reads=tuple(user if who == _PARTNER else who for who in topic.reads),
            )
            for topic in self._partner_topics
        )

    def partner_rights(self, partner: str) -> frozenset[Right]:
        """List what a partner may do: write its reports, read its replies, in its own groups."""
        user = self.partner_user(partner)
        rights = {
            right for right in _topic_rights(self.partner_topics(partner)) if right.user == user
        }
        return frozenset({*rights, _group(user, self._partner_groups.format(partner=partner))})

    def service_rights(self, topics: Iterable[Topic]) -> frozenset[Right]:
        """List what services may do to `topics`."""
        return frozenset(right for right in _topic_rights(topics) if right.user in self.services)

    def group_rights(self) -> frozenset[Right]:
        """List the groups of the services: their own name and what begins with it."""
        return frozenset(_group(service, service) for service in self.services)

    def inspector_rights(self) -> frozenset[Right]:
        """List what the inspector may do: read everything, disturb nobody."""
        user = self.inspector
        everything = {
            Right(user=user, resource=resource, name="*", operation=operation)
            for resource in ("TOPIC", "GROUP")
            for operation in ("READ", "DESCRIBE")
        }
        everything.add(Right(user=user, resource="TOPIC", name="*", operation="DESCRIBE_CONFIGS"))
        everything.add(
            Right(user=user, resource="BROKER", name="kafka-cluster", operation="DESCRIBE")
        )
        taken = (*self.services, f"{_PARTNER}.")
        denied = {
            Right(
                user=user,
                resource="GROUP",
                name=prefix,
                pattern="PREFIXED",
                operation="READ",
                permission="DENY",
            )
            for prefix in taken
        }
        return frozenset(everything | denied)

    def allowed_partner_rights(self, rights: Collection[Right]) -> frozenset[Right]:
        """Pick those of `rights` that a partner has by its template; a removed one has none."""
        prefix = self.partner_user("")
        partners = {
            right.user.removeprefix(prefix) for right in rights if right.user.startswith(prefix)
        }
        allowed = {right for partner in partners for right in self.partner_rights(partner)}
        return frozenset(allowed.intersection(rights))

    def is_ours(self, right: Right) -> bool:
        """Tell whether a right is for us to take: of our users, or to a topic of ours."""
        ours = right.user in (*self.services, self.inspector) or right.user.startswith(
            self.partner_user("")
        )
        names = {topic.name for topic in self.topics}
        return ours or (right.resource == "TOPIC" and right.name in names)


def load(path: Path = DECLARED) -> Declaration:
    """Read the declaration; raises `DeclarationWrong`."""
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings = {key: str(value) for key, value in said["settings"].items()}
    services = tuple(said["services"])
    partner = said["partner"]
    declaration = Declaration(
        services=services,
        topics=tuple(_topic(topic, settings) for topic in said["topics"]),
        inspector=said["inspector"]["user"],
        _partner_user=partner["user"],
        _partner_groups=partner["groups"],
        _partner_topics=tuple(_topic(topic, settings) for topic in partner["topics"]),
    )
    _check(declaration)
    return declaration


def _topic(said: dict[str, Any], settings: Mapping[str, str]) -> Topic:
    return Topic(
        name=said["name"],
        partitions=said["partitions"],
        config={**settings, "retention.ms": _retention(said["name"], said["keeps"])},
        writes=tuple(said["writes"]),
        reads=tuple(said["reads"]),
    )


def _retention(name: str, keeps: str) -> str:
    if keeps in _FOREVER:
        return "-1"
    days = _DAYS.match(keeps)
    if days is None:
        raise DeclarationWrong(f"{name}: keeps must be like 14d, without_clock or without_end.")
    return str(int(days.group(1)) * _DAY_MS)


def _check(declaration: Declaration) -> None:
    names = [topic.name for topic in declaration.topics]
    if len(names) != len(set(names)):
        raise DeclarationWrong("A topic is declared twice.")
    known = {*declaration.services, _PARTNER}
    for topic in (*declaration.topics, *declaration.partner_topics(_PARTNER)):
        named = {who for who in (*topic.writes, *topic.reads) if not who.startswith("partner.")}
        if unknown := named - known:
            raise DeclarationWrong(f"{topic.name}: {sorted(unknown)} is no service.")
        if not topic.writes:
            raise DeclarationWrong(f"{topic.name}: nobody writes it.")


def _topic_rights(topics: Iterable[Topic]) -> Iterator[Right]:
    """Derive who may write or read; both let their user see that the topic is there."""
    for topic in topics:
        for user in topic.writes:
            yield Right(user=user, resource="TOPIC", name=topic.name, operation="WRITE")
        for user in topic.reads:
            yield Right(user=user, resource="TOPIC", name=topic.name, operation="READ")


def _group(user: str, prefix: str) -> Right:
    return Right(user=user, resource="GROUP", name=prefix, pattern="PREFIXED", operation="READ")
