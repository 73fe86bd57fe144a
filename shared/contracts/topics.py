"""Topics and rights, joined from the manifests of the services: pure, it knows no broker.

Each topic is declared once, by the service that writes it (partners' topics by the one that talks
with them); each reader names it in its own manifest. A right is what one user may do to one
resource; all rights follow from who writes and reads what.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shared.contracts.discovery import FILE, ManifestWrong, common, manifests
from shared.contracts.manifest import expand
from shared.contracts.processes import Process

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from shared.contracts.manifest import Manifest, WrittenTopic

__all__ = ["Declaration", "Right", "Topic", "join", "load"]

_DAY_MS: Final = 86_400_000
_PARTNER: Final = "partner"
_FOREVER: Final = frozenset({"without_clock", "without_end"})
_CASES: Final = frozenset(expand("intake.cases.{process}", ()))


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
    """Every topic, with who writes and reads it, and all rights that follow."""

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
        """Whether we may revoke a right: it is of our users, or to a topic of ours."""
        ours = right.user in (*self.services, self.inspector) or right.user.startswith(
            self.partner_user("")
        )
        names = {topic.name for topic in self.topics}
        return ours or (right.resource == "TOPIC" and right.name in names)


def load() -> Declaration:
    """Return what the installed services declare; raises `ManifestWrong`."""
    return join(manifests())


def join(services: Sequence[Manifest]) -> Declaration:
    """Join the manifests of services, given in their order.

    Raises:
        ManifestWrong: two services write one topic, or one reads what nobody writes or may not.

    """
    shared, names = common(), tuple(each.name for each in services)
    written = [(each, topic) for each in services for topic in each.writes]
    written.sort(key=lambda one: one[1].keeps in _FOREVER, reverse=True)  # facts of cases first
    _check(services, written)
    own = [
        _topic(
            topic,
            writes=(owner.name,),
            reads=(owner.name, *(each.name for each in services if topic.name in each.reads)),
        )
        for owner, topic in written
    ]
    return Declaration(
        services=names,
        topics=(*own, *(_topic(topic, writes=names, reads=names) for topic in shared.topics)),
        inspector=shared.inspector,
        _partner_user=shared.partner.user,
        _partner_groups=shared.partner.groups,
        _partner_topics=tuple(
            _topic(topic, writes=(topic.writes,), reads=(topic.reads,))
            for each in services
            for topic in each.topics.partners
        ),
    )


def _topic(declared: WrittenTopic, *, writes: tuple[str, ...], reads: tuple[str, ...]) -> Topic:
    settings = {key: str(value) for key, value in common().settings.items()}
    return Topic(
        name=declared.name,
        partitions=declared.partitions,
        config={**settings, "retention.ms": _retention(declared.keeps)},
        writes=writes,
        reads=reads,
    )


def _retention(keeps: str) -> str:
    return "-1" if keeps in _FOREVER else str(int(keeps.removesuffix("d")) * _DAY_MS)


def _check(services: Sequence[Manifest], written: Sequence[tuple[Manifest, WrittenTopic]]) -> None:
    faults = [
        f"services/{service}/{FILE}: {field}: {rule}"
        for service, field, rule in (*_written_wrongly(written), *_read_wrongly(services, written))
    ]
    if faults:
        raise ManifestWrong("\n".join(faults))


def _written_wrongly(
    written: Sequence[tuple[Manifest, WrittenTopic]],
) -> Iterator[tuple[str, str, str]]:
    seen: set[str] = set()
    for owner, topic in written:
        if not topic.name.startswith(f"{owner.name}."):
            yield owner.name, "/topics/writes", f"{topic.name} must begin with {owner.name}."
        if topic.name in seen:
            yield owner.name, "/topics/writes", f"{topic.name} is declared twice"
        seen.add(topic.name)


def _read_wrongly(
    services: Sequence[Manifest], written: Sequence[tuple[Manifest, WrittenTopic]]
) -> Iterator[tuple[str, str, str]]:
    owners = {topic.name: owner.name for owner, topic in written}
    for each in services:
        for name in each.reads:
            if name not in owners:
                yield each.name, "/topics/reads", f"no service writes {name}"
            elif owners[name] == each.name:
                yield each.name, "/topics/reads", f"{name} is its own, which it reads anyhow"
            elif (
                each.serves
                and name in _CASES
                and Process(name.rpartition(".")[2]) not in each.serves
            ):
                yield each.name, "/topics/reads", f"{name} carries a process that it does not serve"


def _topic_rights(topics: Iterable[Topic]) -> Iterator[Right]:
    """Derive who may write or read; both let their user see that the topic is there."""
    for topic in topics:
        for user in topic.writes:
            yield Right(user=user, resource="TOPIC", name=topic.name, operation="WRITE")
        for user in topic.reads:
            yield Right(user=user, resource="TOPIC", name=topic.name, operation="READ")


def _group(user: str, prefix: str) -> Right:
    return Right(user=user, resource="GROUP", name=prefix, pattern="PREFIXED", operation="READ")
