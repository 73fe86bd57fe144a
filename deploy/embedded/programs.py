"""What runs in the stack, as data: each process, its command line, environment and order.

The services, and how each is started, are those of the manifests.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded import credentials, front, kafka, mongo
from deploy.embedded.errors import WrongUse
from deploy.embedded.paths import CLONE, STAFF, Home
from deploy.embedded.ports import MOST_COPIES
from deploy.service_settings import settings_of
from shared.contracts.discovery import manifest, manifests
from shared.contracts.manifest import Manifest, Secret

BROKERS, SERVICES, FRONT = 10, 20, 30
"""Order of starting; stopping goes the other way."""


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised process."""

    name: str
    command: tuple[str, ...]
    order: int
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: int = 15
    """How long it may take to end by itself before it is killed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of the stack is asked for."""

    own_kafka: bool = True
    own_mongo: bool = True
    brokers_only: bool = False
    demo: bool = False
    copies: Mapping[str, int] = field(default_factory=dict)
    """How many processes of a service are to run, where it differs from the manifest."""

    def processes(self, service: str) -> Iterator[str]:
        """Name a service's processes: the first by the service, others with their number."""
        yield service
        declared = manifest(service).process.copies
        for number in range(2, self.copies.get(service, declared) + 1):
            yield f"{service}-{number}"

    @property
    def further_copies(self) -> list[str]:
        """Name the processes beside the first of each service."""
        if self.brokers_only:
            return []
        return [
            name for service in services() for name in self.processes(service) if name != service
        ]


def services() -> tuple[str, ...]:
    """Name the services that this tree has."""
    return credentials.SERVICES


def given_copies(texts: Iterable[str]) -> dict[str, int]:
    """Read `service=number` texts, as given by `--copies`.

    Raises WrongUse for what is no service of this tree, or no number from 1 to `MOST_COPIES`.
    """
    copies: dict[str, int] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in services():
            raise WrongUse(
                f"Copies are given as SERVICE=N, where SERVICE is one of {', '.join(services())}."
            )
        if not number.isdecimal() or not 0 < int(number) <= MOST_COPIES:
            raise WrongUse(f"The copies of {name} must be a number from 1 to {MOST_COPIES}.")
        copies[name] = int(number)
    return copies


def needed_ports(wanted: Wanted) -> frozenset[str]:
    """Name the ports that will be listened on."""
    needed: set[str] = set()
    if wanted.own_kafka:
        needed |= {"kafka", "controller"}
    if wanted.own_mongo:
        needed.add("mongo")
    if not wanted.brokers_only:
        needed |= {"site", "issuer", *services(), *wanted.further_copies}
    return frozenset(needed)


def site_url(ports: Mapping[str, int]) -> str:
    """Give the address that staff open."""
    return f"http://127.0.0.1:{ports['site']}"


def issuer_url(ports: Mapping[str, int]) -> str:
    """Give the address of the stand-in login issuer."""
    return f"http://127.0.0.1:{ports['issuer']}"


def service_url(ports: Mapping[str, int], service: str) -> str:
    """Give the address of one service itself."""
    return f"http://127.0.0.1:{ports[service]}"


def programs(home: Home, ports: dict[str, int], wanted: Wanted) -> list[Program]:
    """List what is to run, in the order of starting."""
    listed: list[Program] = []
    if wanted.own_kafka:
        listed.append(Program("kafka", tuple(kafka.server_command(home)), BROKERS, stop_seconds=30))
    if wanted.own_mongo:
        command = tuple(mongo.server_command(home, ports))
        listed.append(Program("mongo", command, BROKERS, stop_seconds=30))
    if wanted.brokers_only:
        return listed
    shared = _shared_environment(home, ports)
    for service in manifests():
        command = (sys.executable, "-m", service.module, *service.process.arguments)
        for name in wanted.processes(service.name):
            environment = {**shared, **_service_environment(home, ports, service, name)}
            listed.append(Program(name, command, SERVICES, environment))
    if _has("deploy/embedded/issuer.py"):
        command = (sys.executable, "-m", "deploy.embedded.issuer")
        login = {"SAMRAAD_CLIENT_SECRET_FILE": str(credentials.login_secret_file(home))}
        listed.append(Program("issuer", command, FRONT, {**shared, **login}))
    listed.append(Program("site", tuple(front.command(home)), FRONT, front.environment(home)))
    if wanted.demo and _has("cli/demo.py"):
        environment = {**shared, "SAMRAAD_HOME": str(home.root), "SAMRAAD_CACHE": str(home.cache)}
        listed.append(Program("demo", (sys.executable, "-m", "cli.demo"), FRONT, environment))
    return listed


def _has(path: str) -> bool:
    return (CLONE / Path(path)).exists()


def _shared_environment(home: Home, ports: dict[str, int]) -> dict[str, str]:
    traced = {"SAMRAAD_TRACE_DIR": str(home.traces)} if home.traces.is_dir() else {}
    return {
        **traced,
        "SAMRAAD_SITE_URL": site_url(ports),
        "SAMRAAD_ISSUER": issuer_url(ports),
        "SAMRAAD_SESSION_SECRET_FILE": str(home.secrets / "session.secret"),
        "SAMRAAD_PUBLIC_KEYS_DIR": str(credentials.public_keys_folder(home)),
        "SAMRAAD_ASSETS_DIR": str(home.dkfds),
        "SAMRAAD_DEMO": "1",
        "SAMRAAD_DEMO_STAFF_FILE": str(STAFF),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def _service_environment(
    home: Home, ports: dict[str, int], service: Manifest, name: str
) -> dict[str, str]:
    places = _Places(home, ports, service.name, ports[name])
    return {
        **settings_of(service, places),
        f"{service.prefix}INSTANCE": f"{service.name}-1" if name == service.name else name,
        f"{service.prefix}RESTART_COUNTS": str(home.restart_counts / name),
    }


@dataclass(frozen=True, slots=True)
class _Places:
    """The files and addresses of a service in this stack."""

    home: Home
    ports: dict[str, int]
    service: str
    port: int

    @property
    def listens(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def kafka(self) -> str:
        return str(credentials.kafka_file(self.home, self.service))

    @property
    def mongo(self) -> str:
        return str(credentials.mongo_file(self.home, self.service))

    @property
    def master_key(self) -> str:
        return str(credentials.master_key_file(self.home, self.service))

    @property
    def signing_key(self) -> str:
        return str(credentials.signing_key_file(self.home, self.service))

    @property
    def operator_token(self) -> str:
        return str(credentials.operator_token_file(self.home, self.service))

    @property
    def secrets(self) -> dict[Secret, str]:
        token = credentials.service_token_file(self.home, self.service)
        return {
            Secret.INDEX_KEY: str(credentials.index_key_file(self.home, self.service)),
            Secret.SEAL_KEYS: str(credentials.seal_keys_folder(self.home, self.service)),
            Secret.SERVICE_TOKENS: str(token.parent),
            Secret.LOGIN: str(credentials.login_secret_file(self.home)),
        }

    def url(self, service: str) -> str:
        return service_url(self.ports, service)

    def token(self, service: str) -> str:  # noqa: ARG002 - here it is one, whom it is shown to or not
        return str(credentials.service_token_file(self.home, self.service))
