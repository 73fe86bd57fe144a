"""Topics and rights, made as the manifests declare them, and compared with what a broker has.

`plan` lists the differences, `apply` removes them; both may run at any time and repeatedly. `apply`
neither changes the partitions of a live topic nor deletes one: that would move or lose events.
It leaves the rights of other users unchanged.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from deploy.broker import PATIENCE, Broker
from shared.contracts.topics import load

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from confluent_kafka.admin import AdminClient

    from shared.contracts.topics import Declaration, Right, Topic

__all__ = [
    "Change",
    "ChangeKind",
    "Diff",
    "TopicsNotReady",
    "apply",
    "apply_partner",
    "partners_of",
    "plan",
    "remove_partner",
]

_PAUSE: Final = 0.05
"""Seconds between two looks at a broker that has not shown a change yet."""


class ChangeKind(StrEnum):
    """What is to be done, or, for partitions, what an operator must decide."""

    CREATE_TOPIC = "create topic"
    SET_CONFIG = "set config"
    GRANT = "grant"
    REVOKE = "revoke"
    PARTITIONS_DIFFER = "partitions differ"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the declaration and a broker."""

    kind: ChangeKind
    what: str
    """The topic, or the user whose right it is."""
    detail: str

    @property
    def is_made_by_apply(self) -> bool:
        """Whether `apply` does it; an operator decides on the others."""
        return self.kind is not ChangeKind.PARTITIONS_DIFFER


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """All differences between the declaration and a broker; falsy where there are none."""

    create: tuple[Topic, ...] = ()
    configure: Mapping[str, Mapping[str, str]]
    grant: tuple[Right, ...] = ()
    revoke: tuple[Right, ...] = ()
    resized: Mapping[Topic, int]
    """Topics whose live partitions are other than declared, with their live number."""

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.changes)

    @property
    def changes(self) -> tuple[Change, ...]:
        """The differences as an operator reads them."""
        return (
            *(
                Change(ChangeKind.CREATE_TOPIC, topic.name, f"{topic.partitions} partitions")
                for topic in self.create
            ),
            *(
                Change(
                    ChangeKind.PARTITIONS_DIFFER,
                    topic.name,
                    f"declared {topic.partitions}, live {live}: a live topic keeps its partitions; "
                    "declare a new generation and drain this one",
                )
                for topic, live in self.resized.items()
            ),
            *(
                Change(ChangeKind.SET_CONFIG, name, f"{key}={value}")
                for name, settings in self.configure.items()
                for key, value in settings.items()
            ),
            *(Change(ChangeKind.GRANT, right.user, str(right)) for right in self.grant),
            *(Change(ChangeKind.REVOKE, right.user, str(right)) for right in self.revoke),
        )


class TopicsNotReady(RuntimeError):
    """A broker took a change but did not show it in time."""


def plan(
    admin: AdminClient, declaration: Declaration | None = None, *, inspector: bool = False
) -> Diff:
    """Compare what is declared with what the broker has; raises KafkaException.

    The topics of partners that exist are compared too. `inspector`: whether this stack has one.
    """
    declared = declaration or load()
    broker = Broker(admin)
    live, have = broker.partitions(), broker.rights()
    partners = [
        topic
        for partner in partners_of(live)
        for topic in declared.partner_topics(partner)
        if topic.name in live
    ]
    topics = (*declared.topics, *partners)
    wanted = declared.service_rights(topics) | declared.group_rights()
    if inspector:
        wanted |= declared.inspector_rights()
    allowed = wanted | declared.allowed_partner_rights(have)
    return Diff(
        create=tuple(topic for topic in topics if topic.name not in live),
        configure=broker.differing_settings(topic for topic in topics if topic.name in live),
        grant=tuple(sorted(wanted - have)),
        revoke=tuple(sorted(right for right in have - allowed if declared.is_ours(right))),
        resized={
            topic: live[topic.name]
            for topic in topics
            if live.get(topic.name, topic.partitions) != topic.partitions
        },
    )


def apply(
    admin: AdminClient, declaration: Declaration | None = None, *, inspector: bool = False
) -> Diff:
    """Remove the differences, wait until the broker shows it, and return what they were.

    Raises KafkaException, or `TopicsNotReady` where a broker does not show it in time.
    """
    diff = plan(admin, declaration, inspector=inspector)
    _make(Broker(admin), diff)
    return diff


def apply_partner(
    admin: AdminClient, partner: str, password: str, declaration: Declaration | None = None
) -> str:
    """Make a partner's topics, rights and user, or complete a half-done add; return the user's name.

    Each run sets a new password, and only the last one is valid. It is set last, so that no login
    succeeds before topics and rights exist.
    """
    declared = declaration or load()
    broker = Broker(admin)
    user = declared.partner_user(partner)
    topics = declared.partner_topics(partner)
    live, have = broker.partitions(), broker.rights()
    wanted = declared.partner_rights(partner) | declared.service_rights(topics)
    diff = Diff(
        create=tuple(topic for topic in topics if topic.name not in live),
        configure=broker.differing_settings(topic for topic in topics if topic.name in live),
        grant=tuple(sorted(wanted - have)),
        resized={},
    )
    _make(broker, diff)
    broker.set_password(user, password)
    return user


def remove_partner(
    admin: AdminClient, partner: str, declaration: Declaration | None = None
) -> None:
    """Take a partner's rights and credentials at once; its topics stay until retention ends.

    Connections that are open already lose their rights too: a broker asks at each request.
    """
    user = (declaration or load()).partner_user(partner)
    broker = Broker(admin)
    broker.revoke([right for right in broker.rights() if right.user == user])
    broker.drop_user(user)


def partners_of(topics: Collection[str]) -> list[str]:
    """List the partners that have topics."""
    return sorted(
        {
            name.removeprefix("partner.").rpartition(".")[0]
            for name in topics
            if name.startswith("partner.") and name.endswith((".reports", ".replies"))
        }
    )


def _make(broker: Broker, diff: Diff) -> None:
    if diff.create:
        broker.create(diff.create)
    if diff.configure:
        broker.configure(diff.configure)
    if diff.grant:
        broker.grant(diff.grant)
    if diff.revoke:
        broker.revoke(diff.revoke)
    deadline = time.monotonic() + PATIENCE
    while not _is_shown(broker, diff):
        if time.monotonic() > deadline:
            raise TopicsNotReady("The broker took the change but does not show it yet.")
        time.sleep(_PAUSE)


def _is_shown(broker: Broker, diff: Diff) -> bool:
    """Whether the broker itself shows each topic with its leaders, and each right."""
    if diff.create and not {topic.name for topic in diff.create} <= broker.partitions().keys():
        return False
    if not diff.grant and not diff.revoke:
        return True
    have = broker.rights()
    return have.issuperset(diff.grant) and have.isdisjoint(diff.revoke)
