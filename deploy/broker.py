"""A broker as an operator sees it: its topics, their settings, rights and users, read and changed.

Every call waits for the broker's answer; refusals come as KafkaException.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from shared.contracts.topics import Right

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from concurrent.futures import Future

    from confluent_kafka.admin import AdminClient

    from shared.contracts.topics import Topic

__all__ = ["PATIENCE", "Broker"]

PATIENCE: Final = 30.0
"""Seconds until a broker must have answered."""
_ITERATIONS: Final = 8192
_ANY_RIGHT: Final = AclBindingFilter(
    ResourceType.ANY,
    None,  # type: ignore[arg-type]  # None is "any" here, documented but not annotated
    ResourcePatternType.ANY,
    None,  # type: ignore[arg-type]  # any principal
    None,  # type: ignore[arg-type]  # any host
    AclOperation.ANY,
    AclPermissionType.ANY,
)


class Broker:
    """One cluster, through an admin client that may do all this."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def partitions(self) -> dict[str, int]:
        """Count the partitions of each topic that is there and has its leaders."""
        topics = self._admin.list_topics(timeout=PATIENCE).topics
        return {
            name: len(topic.partitions)
            for name, topic in topics.items()
            if topic.partitions and all(part.leader >= 0 for part in topic.partitions.values())
        }

    def differing_settings(self, topics: Iterable[Topic]) -> dict[str, dict[str, str]]:
        """Find, by topic, the settings that are other than declared, with the declared value."""
        by_name = {topic.name: topic for topic in topics}
        if not by_name:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in by_name]
        differing = {}
        for resource, future in self._admin.describe_configs(resources).items():
            live = {key: entry.value for key, entry in future.result(PATIENCE).items()}
            config = by_name[resource.name].config
            differing[resource.name] = {k: v for k, v in config.items() if live.get(k) != v}
        return {name: config for name, config in sorted(differing.items()) if config}

    def rights(self) -> frozenset[Right]:
        """List every right that anybody has."""
        bindings = self._admin.describe_acls(_ANY_RIGHT).result(PATIENCE)
        return frozenset(_right(binding) for binding in bindings)

    def create(self, topics: Iterable[Topic]) -> None:
        """Make topics; one that another has made meanwhile is fine."""
        made = self._admin.create_topics(
            [
                NewTopic(topic.name, num_partitions=topic.partitions, config=dict(topic.config))
                for topic in topics
            ]
        )
        for future in made.values():
            _settle(future, fine=KafkaError.TOPIC_ALREADY_EXISTS)

    def configure(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """Set settings by topic; what is not named stays."""
        resources = [
            ConfigResource(
                ResourceType.TOPIC,
                name,
                incremental_configs=[
                    ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                    for key, value in config.items()
                ],
            )
            for name, config in settings.items()
        ]
        for future in self._admin.incremental_alter_configs(resources).values():
            _settle(future)

    def grant(self, rights: Iterable[Right]) -> None:
        """Give rights."""
        for future in self._admin.create_acls([_binding(right) for right in rights]).values():
            _settle(future)

    def revoke(self, rights: Collection[Right]) -> None:
        """Take rights, exactly these."""
        if not rights:
            return
        for future in self._admin.delete_acls([_filter(right) for right in rights]).values():
            _settle(future)

    def set_password(self, user: str, password: str) -> None:
        """Make a user (SCRAM-SHA-512), or give one a new password."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
        change = UserScramCredentialUpsertion(user, info, password.encode())
        for future in self._admin.alter_user_scram_credentials([change]).values():
            _settle(future)

    def drop_user(self, user: str) -> None:
        """Take a user's password; one that has none is fine."""
        change = UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512)
        for future in self._admin.alter_user_scram_credentials([change]).values():
            _settle(future, fine=KafkaError.RESOURCE_NOT_FOUND)


def _settle(future: Future[object], *, fine: int | None = None) -> None:
    try:
        future.result(PATIENCE)
    except KafkaException as error:
        if error.args[0].code() != fine:
            raise


def _right(binding: AclBinding) -> Right:
    # The client turns its arguments into these enums; its annotations still name what it took.
    return Right(
        user=binding.principal.removeprefix("User:"),
        operation=AclOperation(binding.operation).name,
        resource=ResourceType(binding.restype).name,
        name=binding.name,
        pattern=ResourcePatternType(binding.resource_pattern_type).name,
        permission=AclPermissionType(binding.permission_type).name,
        host=binding.host,
    )


def _binding(right: Right) -> AclBinding:
    return AclBinding(
        ResourceType[right.resource],
        right.name,
        ResourcePatternType[right.pattern],
        f"User:{right.user}",
        right.host,
        AclOperation[right.operation],
        AclPermissionType[right.permission],
    )


def _filter(right: Right) -> AclBindingFilter:
    return AclBindingFilter(
        ResourceType[right.resource],
        right.name,
        ResourcePatternType[right.pattern],
        f"User:{right.user}",
        right.host,
        AclOperation[right.operation],
        AclPermissionType[right.permission],
    )
