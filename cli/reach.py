"""How a command finds the running stack, and how it ends: one sentence and an exit code."""

from __future__ import annotations

import getpass
import json
import logging
import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn
from urllib.parse import urlsplit

import httpx
import typer
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from rich.console import Console

from deploy.embedded import credentials
from deploy.embedded.paths import Home
from deploy.embedded.ports import read_ports, service_of
from deploy.embedded.programs import service_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confluent_kafka import Consumer, Producer

__all__ = [
    "SERVICES",
    "AsJson",
    "Exit",
    "Running",
    "greet",
    "kafka_admin",
    "print_json",
    "quiet",
    "reach",
    "say",
    "stop",
    "web",
]

SERVICES: Final = credentials.SERVICES

GREETING: Final = 8.0
"""Seconds that a broker has for its first answer."""
ANSWER: Final = 15.0
"""Seconds that a service has to answer."""
_ONE_LOOK: Final = 0.5

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


class Exit(IntEnum):
    """The exit codes of all commands."""

    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    NOT_RUNNING = 3
    REJECTED = 4
    """A report was rejected, or would be if it were sent."""
    REFUSED = 5
    """The broker or a service refused: a wrong login, a missing right, a rule."""


def say(sentence: str) -> None:
    """Print a sentence for a person on standard error."""
    Console(stderr=True).print(sentence, markup=False, highlight=False, soft_wrap=True)


def stop(sentence: str, code: Exit) -> NoReturn:
    """End the command with one sentence."""
    say(sentence)
    raise typer.Exit(code)


def print_json(document: object, *, indent: int | None = None) -> None:
    """Print one JSON document for a program."""
    typer.echo(json.dumps(document, indent=indent, ensure_ascii=False))


@dataclass(frozen=True)
class Running:
    """The stack of this home, as seen by an operator on its machine."""

    home: Home
    ports: Mapping[str, int]
    addresses: Mapping[str, Any] = field(default_factory=dict)
    """The addresses of a stack in containers; empty for a stack of this machine."""

    def url(self, service: str) -> str:
        """Return the URL of a service."""
        address = self.addresses.get(service)
        return str(address) if address else service_url(dict(self.ports), service)

    @property
    def partners_kafka(self) -> str:
        """The address of the broker for partners."""
        address = self.addresses.get("partners", {}).get("kafka")
        return str(address) if address else self.kafka("admin")["bootstrap.servers"]

    @property
    def partners_web(self) -> str:
        """The URL where partners fetch keys and schemas."""
        address = self.addresses.get("partners", {}).get("web")
        return str(address) if address else self.url("intake")

    def kafka(self, user: str) -> dict[str, str]:
        """Return the broker's address and the login of one of its users, or end the command."""
        try:
            return credentials.read_kafka_login(self.home, user)
        except (OSError, ValueError):
            stop(f"There is no login for {user} in {self.home.secrets}.", Exit.NOT_RUNNING)

    @property
    def onlooker(self) -> dict[str, str]:
        """Return the login that reads all topics: the inspector's if there is one."""
        has_inspector = credentials.kafka_file(self.home, "inspector").exists()
        return self.kafka("inspector" if has_inspector else "admin")

    def processes(self, service: str) -> list[str]:
        """Return the names of a service's processes here, the first one first."""
        return sorted(name for name in self.ports if service_of(name) == service)

    def ask(self, service: str, method: str, path: str, body: object = None) -> httpx.Response:
        """Send a request to a service's operator API; raises httpx.TransportError."""
        file = credentials.operator_token_file(self.home, service)
        token = file.read_text(encoding="utf-8").strip()
        url = self.url(service)
        headers = {"Authorization": f"Bearer {token}", "X-Operator": _login()}
        with web(url) as client:
            return client.request(method, f"{url}/operator{path}", json=body, headers=headers)

    def request(self, service: str, method: str, path: str, body: object = None) -> Any:
        """Return the JSON answer of a service's operator API, or end the command."""
        try:
            answer = self.ask(service, method, path, body)
        except (httpx.TransportError, OSError):
            stop(
                f"{service} does not answer at {self.url(service)}: see `samraad status`, "
                "and start it with `samraad up`.",
                Exit.NOT_RUNNING,
            )
        if answer.is_success:
            return answer.json()
        try:
            detail = answer.json().get("detail")
        except (ValueError, AttributeError):
            detail = None
        sentence = detail if isinstance(detail, str) else f"it answered {answer.status_code}"
        code = Exit.REFUSED if answer.is_client_error else Exit.FAILED
        return stop(f"{service} refused: {sentence}.", code)


def _login() -> str:
    """Return the login of the person who runs the command, for the services' logs."""
    try:
        return re.sub(r"[^A-Za-z0-9_.@-]", "_", getpass.getuser())[:64] or "unknown"
    except (OSError, KeyError, ImportError):
        return "unknown"


def reach() -> Running:
    """Find the stack of this home, or end the command if there is none."""
    home = Home.from_environment()
    ports = read_ports(home)
    containers = home.root / "addresses.json"
    if containers.exists():
        return Running(home, ports, json.loads(containers.read_text(encoding="utf-8")))
    if not ports:
        stop(
            f"There is no stack in {home.root}: start one with `samraad up`, "
            "or name another by SAMRAAD_HOME.",
            Exit.NOT_RUNNING,
        )
    return Running(home, ports)


def web(url: str) -> httpx.Client:
    """Make a client for an address; for this machine it ignores any proxy."""
    host = urlsplit(url).hostname or ""
    here = host == "localhost" or host.startswith("127.") or host == "::1"
    return httpx.Client(timeout=ANSWER, trust_env=not here)


def quiet() -> logging.Logger:
    """Return a logger that discards the Kafka client's lines; commands report errors themselves."""
    logger = logging.getLogger("samraad.librdkafka")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger


def kafka_admin(login: Mapping[str, str]) -> AdminClient:
    """Return an administrator's client with an accepted login, or end the command."""
    refusals: list[KafkaError] = []
    settings: dict[str, Any] = {**login, "error_cb": refusals.append}
    admin = AdminClient(settings, logger=quiet())
    greet(admin, login, refusals)
    return admin


def greet(
    client: AdminClient | Producer | Consumer,
    login: Mapping[str, str],
    refusals: list[KafkaError],
    topic: str | None = None,
) -> Any:
    """Return the broker's metadata (of one topic, or all), or end the command.

    The client's error callback appends to `refusals`. Without them a wrong password could not be
    distinguished from a broker that does not answer.
    """
    address = login.get("bootstrap.servers", "?")
    tries = int(GREETING / _ONE_LOOK)
    for _ in range(tries):
        try:
            return (
                client.list_topics(timeout=_ONE_LOOK)
                if topic is None
                else client.list_topics(topic, timeout=_ONE_LOOK)
            )
        except KafkaException:
            client.poll(0)
            if any(error.code() == KafkaError._AUTHENTICATION for error in refusals):  # noqa: SLF001 - its public name
                stop(
                    f"The broker at {address} does not accept this login: "
                    "the user or the password is wrong.",
                    Exit.REFUSED,
                )
    stop(
        f"No broker accepts a connection at {address}: it does not run (`samraad up`), "
        "or the address or the login is wrong.",
        Exit.NOT_RUNNING,
    )
