"""The stack's promises: restarts, data, no orphans, ports, and the status."""

import json
import os
import signal
import socket
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import MongoClient

from deploy.embedded.programs import services
from tests.live import LiveStack, wait_until

SERVICES = services()
NOT_AUTHORISED = 13


def test_up_again_is_done_at_once(stack: LiveStack) -> None:
    before = stack.pid("kafka")

    started = time.monotonic()
    again = stack.run("up", "--detach", "--brokers-only")

    assert again.returncode == 0
    assert "already" in again.stdout
    assert time.monotonic() - started < 10
    assert stack.pid("kafka") == before


def test_status_shows_what_the_contract_promises(stack: LiveStack) -> None:
    status = json.loads(stack.run("status", "--json").stdout)

    assert status["state"] == "ready"
    assert set(status) == {"state", "supervisor", "site", "kafka", "mongo", "services"}
    assert set(status["site"]) == {"url", "issuer"}
    assert status["kafka"]["security_protocol"] == "SASL_PLAINTEXT"
    assert status["kafka"]["sasl_mechanism"] == "SCRAM-SHA-512"
    assert status["kafka"]["inspector"]["username"] == "inspector"
    password = Path(status["kafka"]["inspector"]["password_file"]).read_text().strip()
    assert password == stack.kafka("inspector")["sasl.password"]
    assert status["mongo"]["host"] == f"127.0.0.1:{stack.ports['mongo']}"
    with MongoClient(Path(status["mongo"]["inspector_uri_file"]).read_text().strip()) as client:
        assert client["intake"]["audit"].count_documents({}) >= 0
    assert set(status["services"]) == set(SERVICES)
    for service in status["services"].values():
        assert set(service) == {"url", "state", "instances", "lag", "outbox", "parked", "log"}
        assert service["state"] == "ready"
        assert service["instances"][0]["rss_mb"] > 0
        assert Path(service["log"]).exists()


def test_the_whole_stack_fits_into_a_gigabyte_and_a_half(stack: LiveStack) -> None:
    supervisor = psutil.Process(stack.pid("supervisor"))
    family = [supervisor, *supervisor.children(recursive=True)]

    assert sum(process.memory_info().rss for process in family) < 1.5 * 1024**3


def is_service(process: psutil.Process, service: str) -> bool:
    try:
        return f"services.{service}" in process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False


def test_what_changes_here_and_there_lies_in_small_pages_and_logs_do_not(
    stack: LiveStack,
) -> None:
    with MongoClient[dict[str, Any]](stack.mongo("admin")) as client:
        made = {each["name"]: each["options"] for each in client.mediation.list_collections()}
    assert "leaf_page_max=8KB" in str(made["mediations"].get("storageEngine"))
    assert "storageEngine" not in made["audit"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_service_is_back_every_time(stack: LiveStack, service: str) -> None:
    supervisor = psutil.Process(stack.pid("supervisor"))

    def running() -> list[int]:
        return [one.pid for one in supervisor.children() if is_service(one, service)]

    killed: list[int] = []

    def kill_a_new_one() -> bool:
        found = running()  # one that is just being executed has no command line for a moment
        if len(found) != 1 or found == killed:
            return False
        killed[:] = found
        os.kill(found[0], signal.SIGKILL)
        return True

    for _ in range(5):
        wait_until(kill_a_new_one, 2, f"a new {service}")
    wait_until(lambda: running() not in ([], killed), 2, f"a new {service}")
    stack.wait_until_ready(30)


def test_the_site_shows_the_services_and_hides_their_internal_paths(stack: LiveStack) -> None:
    def status_of(path: str) -> int:
        with closing(socket.create_connection(("127.0.0.1", stack.ports["site"]))) as line:
            line.sendall(
                f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{stack.ports['site']}\r\n\r\n".encode()
            )
            return int(line.recv(64).split()[1])

    assert status_of("/") == 302
    assert status_of("/assets/dkfds/css/dkfds.css") == 200
    for internal_path in ("/operator/parked", "/metrics", "/cases/x/details", "/health/ready"):
        assert status_of(internal_path) == 404


def test_everything_listens_on_the_loopback_interface_alone(stack: LiveStack) -> None:
    supervisor = psutil.Process(stack.pid("supervisor"))
    listeners = [
        connection.laddr
        for process in supervisor.children(recursive=True)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert {listener.port for listener in listeners} == set(stack.ports.values())
    assert {listener.ip.removeprefix("::ffff:") for listener in listeners} == {"127.0.0.1"}


def keys_of(status: object) -> object:
    """The keys of a document, of those within it as well."""
    if not isinstance(status, dict):
        return None
    return {key: keys_of(value) for key, value in status.items() if key != "services"}


def values_of(status: object) -> list[object]:
    return (
        [each for value in status.values() for each in values_of(value)]
        if isinstance(status, dict)
        else [status]
    )


def test_what_does_not_run_is_reported_in_the_same_keys(
    stack: LiveStack, own_stack: LiveStack
) -> None:
    ran = own_stack.run("status", "--json")

    assert ran.returncode == 3
    status = json.loads(ran.stdout)
    assert (status.pop("state"), status.pop("services")) == ("stopped", {})
    assert set(values_of(status)) == {None}
    running = stack.status()
    del running["state"]
    assert keys_of(status) == keys_of(running)
    assert own_stack.run("down").returncode == 0


def test_the_doctor_finds_a_sound_machine(stack: LiveStack) -> None:
    examined = stack.run("doctor", "--json")

    findings = json.loads(examined.stdout)
    assert [finding for finding in findings if not finding["fine"]] == []
    assert examined.returncode == 0
