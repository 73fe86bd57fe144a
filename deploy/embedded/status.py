"""What runs, in the words of the public contract (`samraad status --json`)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from deploy.embedded import credentials, external, kafka, probes
from deploy.embedded.programs import issuer_url, service_url, site_url
from deploy.embedded.stack import Stack
from deploy.embedded.supervision import Seen

MEGABYTE = 1024 * 1024
Document = dict[str, Any]


def read_status(stack: Stack) -> Document:
    """See the whole stack: state, addresses, processes, and what each service says of itself.

    The keys are the same whatever runs; what is not there is null.
    """
    supervisor = stack.supervision.pid()
    if supervisor is None:
        return _nothing_runs()
    ports, seen = stack.ports, stack.supervision.look()
    with ThreadPoolExecutor() as pool:
        names = [name for name in credentials.SERVICES if name in seen]
        services = dict(
            zip(names, pool.map(lambda name: _service(stack, seen[name]), names), strict=True)
        )
    return {
        "state": _state(seen, services),
        "supervisor": {"pid": supervisor},
        "site": {"url": site_url(ports), "issuer": issuer_url(ports)},
        "kafka": _kafka(stack, seen),
        "mongo": _mongo(stack, seen),
        "services": services,
    }


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
        if outside
        else {
            "username": "inspector",
            "password_file": str(credentials.inspector_password_file(stack.home)),
        },
    }


def _mongo(stack: Stack, seen: dict[str, Seen]) -> Document:
    uri = external.mongo_uri()
    return {
        "host": external.hosts(uri) if uri else f"127.0.0.1:{stack.ports['mongo']}",
        "pid": _pid(seen.get("mongo")),
        "inspector_uri_file": None if uri else str(credentials.mongo_file(stack.home, "inspector")),
    }


def _service(stack: Stack, seen: Seen) -> Document:
    url = service_url(stack.ports, seen.name)
    health = probes.ask_health(url) if seen.runs else probes.Health(state="stopped")
    told: Document = {
        "url": url,
        "state": health.state,
        "instances": [{"pid": seen.pid, "rss_mb": _megabytes(seen.pid)}] if seen.runs else [],
        "lag": health.lag,
        "outbox": health.outbox,
        "parked": health.parked,
        "log": str(stack.home.logs / f"{seen.name}.log"),
    }
    if health.halted:
        told["halted"] = health.halted
    return told


def _state(seen: dict[str, Seen], services: dict[str, Document]) -> str:
    """Sum up: degraded when something that should run does not, or says so itself."""
    if any(not one.runs for one in seen.values()):
        return "degraded"
    states = {str(service["state"]) for service in services.values()}
    if states <= {"ready"}:
        return "ready"
    return "starting" if states <= {"ready", "starting"} else "degraded"


def _pid(seen: Seen | None) -> int | None:
    return seen.pid if seen is not None and seen.runs else None


def _megabytes(pid: int) -> int:
    try:
        return round(psutil.Process(pid).memory_info().rss / MEGABYTE)
    except psutil.Error:
        return 0
