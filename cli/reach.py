"""How a command finds the running stack, and how it ends: one sentence and the promised number."""

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
"""Seconds that a broker has to say hello."""
ANSWER: Final = 15.0
"""Seconds that a service has to answer."""
_ONE_LOOK: Final = 0.5

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


class Exit(IntEnum):
    """What the number means with which a command ends."""

    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    NOT_RUNNING = 3
    REJECTED = 4
    """A report was rejected, or is known to be before it is sent."""
    REFUSED = 5
    """Somebody who may decide it said no: a login, a right, a service."""


def say(sentence: str) -> None:
    """Tell a person something that is no result."""
    Console(stderr=True).print(sentence, markup=False, highlight=False, soft_wrap=True)


def stop(sentence: str, code: Exit) -> NoReturn:
    """End the command with one sentence."""
    say(sentence)
    raise typer.Exit(code)


def print_json(told: object, *, indent: int | None = None) -> None:
    """Write one document for a program, at once."""
    typer.echo(json.dumps(told, indent=indent, ensure_ascii=False))


@dataclass(frozen=True)
class Running:
    """The stack of this home, as an operator on its machine reaches it."""

    home: Home
    ports: Mapping[str, int]
    addresses: Mapping[str, Any] = field(default_factory=dict)
    """Where a stack in containers is reached; empty for a stack of this machine."""

    def url(self, service: str) -> str:
        """Give the address of a service."""
        told = self.addresses.get(service)
        return str(told) if told else service_url(dict(self.ports), service)

    @property
    def partners_kafka(self) -> str:
        """The broker's address as partners reach it."""
        told = self.addresses.get("partners", {}).get("kafka")
        return str(told) if told else self.kafka("admin")["bootstrap.servers"]

    @property
    def partners_web(self) -> str:
        """Where partners find keys and schemas."""
        told = self.addresses.get("partners", {}).get("web")
        return str(told) if told else self.url("intake")

    def kafka(self, user: str) -> dict[str, str]:
        """Give the broker's address and the login of one of its users."""
        try:
            return credentials.read_kafka_login(self.home, user)
        except (OSError, ValueError):
            stop(f"There is no login for {user} in {self.home.secrets}.", Exit.NOT_RUNNING)

    @property
    def onlooker(self) -> dict[str, str]:
        """Give the login that sees all topics: the inspector's, on a broker of ours."""
        has_inspector = credentials.kafka_file(self.home, "inspector").exists()
        return self.kafka("inspector" if has_inspector else "admin")

    def processes(self, service: str) -> list[str]:
        """Name the processes that a service may have here, its first one first."""
        return sorted(name for name in self.ports if service_of(name) == service)

    def ask(self, service: str, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask a service's operator API; raises httpx.TransportError where it does not answer."""
        token = (self.home.secrets / "operator.token").read_text(encoding="utf-8").strip()
        url = self.url(service)
        headers = {"Authorization": f"Bearer {token}", "X-Operator": _login()}
        with web(url) as client:
            return client.request(method, f"{url}/operator{path}", json=body, headers=headers)

    def request(self, service: str, method: str, path: str, body: object = None) -> Any:
        """Give what a service's operator API answers, or end the command with its sentence."""
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
    """Name who runs the command, as the services' logs will."""
    try:
        return re.sub(r"[^A-Za-z0-9_.@-]", "_", getpass.getuser())[:64] or "unknown"
    except (OSError, KeyError, ImportError):
        return "unknown"


def reach() -> Running:
    """Find the stack of this home, or end the command where there has never been one."""
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
    """Make a client for an address; to this machine it goes straight, whatever proxy is set."""
    host = urlsplit(url).hostname or ""
    here = host == "localhost" or host.startswith("127.") or host == "::1"
    return httpx.Client(timeout=ANSWER, trust_env=not here)


def quiet() -> logging.Logger:
    """Give Kafka's client a place to talk where nobody listens: we tell what matters."""
    logger = logging.getLogger("samraad.librdkafka")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger


def kafka_admin(login: Mapping[str, str]) -> AdminClient:
    """Open an administrator's client that has been let in, or end the command."""
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
    """Give the broker's metadata (of one topic, or all) once it lets us in, or end the command.

    `refusals` is where the client's error callback notes what went wrong on the way: a wrong
    password looks like a broker that does not answer otherwise.
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
                    f"The broker at {address} does not take this login: "
                    "the user or its password is not the one it knows.",
                    Exit.REFUSED,
                )
    stop(
        f"No broker lets us in at {address}: it does not run (`samraad up`), "
        "or its address or the login is wrong.",
        Exit.NOT_RUNNING,
    )
