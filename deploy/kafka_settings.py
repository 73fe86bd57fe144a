"""The settings of one broker that is its own controller, wherever it runs.

Every listener asks for a login, the controller's too: one left open with its anonymous user trusted
would let any client that reaches it grant itself rights by one raw request.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["BROKER", "Listener", "as_properties", "broker_settings", "java_quote"]

BROKER = "broker"
"""The node's own user: a superuser beside `admin`, used by no other program."""


@dataclass(frozen=True, slots=True)
class Listener:
    """The address where one kind of clients connects, and the address advertised to them."""

    bind: str
    advertised: str


def broker_settings(
    listeners: Mapping[str, Listener], *, controller: str, data: str, password: str
) -> dict[str, str]:
    """Give the settings; the first of `listeners` is the one that the broker uses itself.

    `controller` is the address of the controller's listener, `password` that of `BROKER`.
    """
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    own = f'username="{BROKER}" password="{password}"'
    names = list(listeners)
    logins = {
        f"listener.name.{name.lower()}.scram-sha-512.sasl.jaas.config": f"{scram} {own};"
        for name in names
    }
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "listeners": ",".join(
            [
                *(f"{name}://{one.bind}" for name, one in listeners.items()),
                f"CONTROLLER://{controller}",
            ]
        ),
        "advertised.listeners": ",".join(
            f"{name}://{one.advertised}" for name, one in listeners.items()
        ),
        "listener.security.protocol.map": ",".join(
            f"{name}:SASL_PLAINTEXT" for name in [*names, "CONTROLLER"]
        ),
        "inter.broker.listener.name": names[0],
        "controller.listener.names": "CONTROLLER",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        **logins,
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": (
            f'{plain} {own} user_{BROKER}="{password}";'
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:admin;User:{BROKER}",
        "allow.everyone.if.no.acl.found": "false",
        "auto.create.topics.enable": "false",
        "log.dirs": data,
        "log.message.timestamp.type": "LogAppendTime",
        "message.max.bytes": str(1024 * 1024),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "min.insync.replicas": "1",
        "group.initial.rebalance.delay.ms": "0",
        "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
        "log.cleaner.threads": "1",
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "num.network.threads": "2",
        "num.io.threads": "4",
        "num.replica.fetchers": "1",
        "background.threads": "2",
        "group.min.session.timeout.ms": "1000",
    }


def as_properties(settings: Mapping[str, str]) -> str:
    """Write settings as a Java properties file."""
    lines = (f"{name}={value.replace(chr(92), chr(92) * 2)}\n" for name, value in settings.items())
    return "".join(lines)


def java_quote(argument: str) -> str:
    """Quote an argument for a Java argument file."""
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'
