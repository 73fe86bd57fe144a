"""What runs, in the words of the public contract (`samraad status --json`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.alarms import FiringAlarm
from deploy.embedded import credentials, external, kafka
from deploy.embedded.copies import Copy, firing_alarms, look, of_service
from deploy.embedded.programs import issuer_url, service_url, site_url
from deploy.embedded.stack import Stack
from deploy.embedded.supervision import Seen

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at the whole stack."""

    document: Document
    """As the public contract has it."""
    copies: Sequence[Copy]
    alarms: Sequence[FiringAlarm]
    seen: Mapping[str, Seen]


def read_status(stack: Stack) -> Document:
    """See the whole stack: state, addresses, processes, and the state that each service reports.

    The keys are the same whatever runs; what is not there is null.
    """
    return see(stack).document


def see(stack: Stack) -> Sight:
    """Look once: the document, each process, and what an operator is called for."""
    supervisor = stack.supervision.pid()
    if supervisor is None:
        return Sight(_nothing_runs(), (), (), {})
    ports, seen = stack.ports, stack.supervision.look()
    copies = look(stack, seen.values())
    services = {
        name: _service(stack, name, of_service(copies, name))
        for name in credentials.SERVICES
        if name in seen
    }
    document: Document = {
        "state": _state(seen, services),
        "supervisor": {"pid": supervisor},
        "site": {"url": site_url(ports), "issuer": issuer_url(ports)},
        "kafka": _kafka(stack, seen),
        "mongo": _mongo(stack, seen),
        "services": services,
    }
    return Sight(document, copies, firing_alarms(copies), seen)


def _nothing_runs() -> Document:
    inspector = dict.fromkeys(("username", "password_file"))
    broker = dict.fromkeys(("bootstrap", "security_protocol", "sasl_mechanism", "pid"))
    return {
        "state": "stopped",
        "supervisor": {"pid": None},
        "site": dict.fromkeys(("url", "issuer")),
        "kafka": {**broker, "inspector": inspector},
        "mongo": dict.fromkeys(("host", "pid", "inspector_uri_file")),
        "services": {},
    }


def _kafka(stack: Stack, seen: dict[str, Seen]) -> Document:
    login = outside = external.kafka_login()
    if login is None and credentials.kafka_file(stack.home, "admin").exists():
        login = credentials.read_kafka_login(stack.home, "admin")
    login = login or {"bootstrap.servers": kafka.bootstrap(stack.ports)}
    return {
        "bootstrap": login["bootstrap.servers"],
        "security_protocol": login.get("security.protocol", "PLAINTEXT"),
        "sasl_mechanism": login.get("sasl.mechanism"),
        "pid": _pid(seen.get("kafka")),
        "inspector": None
        if outside and not credentials.inspector_password_file(stack.home).exists()
        else {
            "username": "inspector",
            "password_file": str(credentials.inspector_password_file(stack.home)),
        },
    }


def _mongo(stack: Stack, seen: dict[str, Seen]) -> Document:
    uri = external.mongo_uri()
    inspector = credentials.mongo_file(stack.home, "inspector")
    return {
        "host": external.hosts(uri) if uri else f"127.0.0.1:{stack.ports['mongo']}",
        "pid": _pid(seen.get("mongo")),
        "inspector_uri_file": None if uri and not inspector.exists() else str(inspector),
    }


def _service(stack: Stack, name: str, copies: Sequence[Copy]) -> Document:
    """Sum up a service: lag is the sum of its copies', for each owns partitions of its own."""
    healths = [copy.health for copy in copies]
    states = {health.state for health in healths}
    document: Document = {
        "url": service_url(stack.ports, name),
        "state": healths[0].state if len(states) == 1 else "degraded",
        "instances": [copy.as_document() for copy in copies if copy.pid is not None],
        "lag": _sum(health.lag for health in healths),
        "outbox": next((health.outbox for health in healths if health.outbox is not None), None),
        "parked": next((health.parked for health in healths if health.parked is not None), None),
        "log": str(stack.home.logs / f"{name}.log"),
    }
    halted = list(dict.fromkeys(sentence for health in healths for sentence in health.halted))
    if halted:
        document["halted"] = halted
    return document


def _sum(numbers: Iterable[int | None]) -> int | None:
    """Add up what is known; None where a copy does not answer."""
    known = list(numbers)
    return None if None in known else sum(number or 0 for number in known)


def _state(seen: dict[str, Seen], services: dict[str, Document]) -> str:
    """Sum up: degraded when something that should run does not, or reports so itself."""
    if any(not one.runs for one in seen.values()):
        return "degraded"
    states = {str(service["state"]) for service in services.values()}
    if states <= {"ready"}:
        return "ready"
    return "starting" if states <= {"ready", "starting"} else "degraded"


def _pid(seen: Seen | None) -> int | None:
    return seen.pid if seen is not None and seen.runs else None
