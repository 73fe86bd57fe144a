"""The stack keeps its word: restarts, data, no orphans, ports, and what status tells."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Consumer
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.embedded.paths import Home
from deploy.embedded.programs import services
from tests.live import LiveStack, wait_until
from tests.system.doors import is_refused, send

SERVICES = services()
NOT_AUTHORISED = 13


@pytest.fixture
def own_stack(downloads: Home, tmp_path: Path) -> Iterator[LiveStack]:
    """A stack of brokers that one test may break."""
    live = LiveStack(tmp_path / "home", downloads.cache)
    yield live
    live.stop()
    live.run("down")
    live.discard()


def test_up_again_is_done_at_once(kafka_and_mongo: LiveStack) -> None:
    before = kafka_and_mongo.pid("kafka")

    started = time.monotonic()
    again = kafka_and_mongo.run("up", "--detach", "--brokers-only")

    assert again.returncode == 0
    assert "already" in again.stdout
    assert time.monotonic() - started < 10
    assert kafka_and_mongo.pid("kafka") == before


def test_status_tells_what_the_contract_promises(stack: LiveStack) -> None:
    told = json.loads(stack.run("status", "--json").stdout)

    assert told["state"] == "ready"
    assert set(told) == {"state", "supervisor", "site", "kafka", "mongo", "services"}
    assert set(told["site"]) == {"url", "issuer"}
    assert told["kafka"]["security_protocol"] == "SASL_PLAINTEXT"
    assert told["kafka"]["sasl_mechanism"] == "SCRAM-SHA-512"
    assert told["kafka"]["inspector"]["username"] == "inspector"
    password = Path(told["kafka"]["inspector"]["password_file"]).read_text().strip()
    assert password == stack.kafka("inspector")["sasl.password"]
    assert told["mongo"]["host"] == f"127.0.0.1:{stack.ports['mongo']}"
    with MongoClient(Path(told["mongo"]["inspector_uri_file"]).read_text().strip()) as client:
        assert client["intake"]["audit"].count_documents({}) >= 0
    assert set(told["services"]) == set(SERVICES)
    for service in told["services"].values():
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
    kafka_and_mongo: LiveStack,
) -> None:
    with MongoClient[dict[str, Any]](kafka_and_mongo.mongo("admin")) as client:
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


def test_the_site_shows_the_services_and_hides_their_back_doors(stack: LiveStack) -> None:
    def status_of(path: str) -> int:
        with closing(socket.create_connection(("127.0.0.1", stack.ports["site"]))) as line:
            line.sendall(
                f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{stack.ports['site']}\r\n\r\n".encode()
            )
            return int(line.recv(64).split()[1])

    assert status_of("/") == 302
    assert status_of("/assets/dkfds/css/dkfds.css") == 200
    for back_door in ("/operator/parked", "/metrics", "/cases/x/details", "/health/ready"):
        assert status_of(back_door) == 404


def test_everything_listens_on_the_loopback_interface_alone(stack: LiveStack) -> None:
    supervisor = psutil.Process(stack.pid("supervisor"))
    doors = [
        connection.laddr
        for process in supervisor.children(recursive=True)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]

    assert {door.port for door in doors} == set(stack.ports.values())
    assert {door.ip.removeprefix("::ffff:") for door in doors} == {"127.0.0.1"}


def test_a_restart_keeps_what_was_written(own_stack: LiveStack) -> None:
    own_stack.start("--brokers-only")
    with MongoClient(own_stack.mongo("psp")) as client:
        client["psp"]["psp_cases"].insert_one({"_id": "kept"})
    assert send(own_stack.kafka("psp"), "psp.cases") is None
    ports = own_stack.ports
    own_stack.stop()
    assert own_stack.run("status").returncode == 3

    assert own_stack.run("up", "--detach", "--brokers-only").returncode == 0

    assert own_stack.ports == ports
    with MongoClient(own_stack.mongo("psp")) as client:
        assert client["psp"]["psp_cases"].find_one({"_id": "kept"}) is not None
    consumer = Consumer(
        {**own_stack.kafka("inspector"), "group.id": "t", "auto.offset.reset": "earliest"}
    )
    with closing(consumer):
        consumer.subscribe(["psp.cases"])
        assert any(consumer.poll(1) is not None for _ in range(20))


def test_up_adds_what_is_missing_and_leaves_what_runs(own_stack: LiveStack) -> None:
    assert own_stack.run("up", "--detach", "--brokers-only").returncode == 0
    kafka, mongo = own_stack.pid("kafka"), own_stack.pid("mongo")
    assert own_stack.status()["services"] == {}

    whole = own_stack.run("up", "--detach")

    assert whole.returncode == 0, whole.stderr
    assert set(own_stack.status()["services"]) == set(SERVICES)
    assert (own_stack.pid("kafka"), own_stack.pid("mongo")) == (kafka, mongo)


def test_a_moved_port_loses_no_data(own_stack: LiveStack) -> None:
    own_stack.start("--brokers-only")
    with MongoClient(own_stack.mongo("psp")) as client:
        client["psp"]["psp_cases"].insert_one({"_id": "kept"})
    taken = own_stack.ports
    own_stack.stop()

    with closing(socket.create_server(("127.0.0.1", taken["mongo"]))):
        moved = own_stack.run("up", "--detach", "--brokers-only")

    assert moved.returncode == 0
    assert f"Port {taken['mongo']} of mongo is taken" in moved.stderr
    assert own_stack.ports["mongo"] != taken["mongo"]
    assert own_stack.ports["kafka"] == taken["kafka"]
    with MongoClient(own_stack.mongo("psp")) as client:
        assert client["psp"]["psp_cases"].find_one({"_id": "kept"}) is not None


def test_no_process_outlives_a_killed_supervisor(own_stack: LiveStack) -> None:
    assert own_stack.run("up", "--detach", "--brokers-only").returncode == 0
    supervisor = psutil.Process(own_stack.pid("supervisor"))
    family = supervisor.children(recursive=True)
    assert len(family) == 2

    supervisor.kill()

    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert own_stack.run("status").returncode == 3
    assert own_stack.run("up", "--detach", "--brokers-only").returncode == 0


def test_no_process_outlives_a_killed_foreground_command(own_stack: LiveStack) -> None:
    own_stack.start("--brokers-only")
    supervisor = psutil.Process(own_stack.pid("supervisor"))
    family = [supervisor, *supervisor.children(recursive=True)]

    os.kill(supervisor.ppid(), signal.SIGKILL)

    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


def test_two_starts_at_once_make_one_stack(own_stack: LiveStack) -> None:
    with ThreadPoolExecutor() as pool:
        start = partial(own_stack.run, "up", "--detach", "--brokers-only")
        done = [task.result() for task in [pool.submit(start), pool.submit(start)]]

    assert [one.returncode for one in done] == [0, 0]
    assert sum("was up already" in one.stdout for one in done) == 1


def test_a_given_port_that_is_taken_is_refused_in_one_sentence(own_stack: LiveStack) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as squatter:
        port = squatter.getsockname()[1]
        refused = own_stack.run("up", "--detach", "--port", f"kafka={port}")

    assert refused.returncode == 1
    assert refused.stderr == (
        f"Port {port}, given for kafka, is taken by another program: "
        "give another with --port kafka=NUMBER.\n"
    )


def test_brokers_of_your_own_are_used_and_locked_down(
    own_stack: LiveStack, downloads: Home, tmp_path: Path
) -> None:
    own_stack.start("--brokers-only")
    guest = LiveStack(
        tmp_path / "guest",
        downloads.cache,
        SAMRAAD_KAFKA=str(own_stack.home.secrets / "kafka" / "admin.json"),
        SAMRAAD_MONGO=str(own_stack.home.secrets / "mongo" / "admin.uri"),
    )

    guest.start()

    told = guest.status()
    assert told["state"] == "ready"
    assert told["kafka"]["bootstrap"] == f"127.0.0.1:{own_stack.ports['kafka']}"
    assert (told["kafka"]["pid"], told["mongo"]["pid"]) == (None, None)
    assert send(guest.kafka("psp"), "psp.cases") is None
    refused = send(guest.kafka("psp"), "mediation.cases")
    assert refused is not None
    assert is_refused(refused.code())
    with MongoClient(guest.mongo("psp")) as client, pytest.raises(OperationFailure):
        client["intake"]["persons"].find_one()
    guest.discard()


@pytest.mark.parametrize("given", ["kafka", "kafka=0", "kafka=99999", "oracle=1521", "kafka=x"])
def test_a_port_that_makes_no_sense_is_wrong_use(own_stack: LiveStack, given: str) -> None:
    refused = own_stack.run("up", "--detach", "--port", given)

    assert refused.returncode == 2
    assert len(refused.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("given", ["notify", "notify=0", "notify=10", "kafka=2", "psp=x"])
def test_a_number_of_copies_that_makes_no_sense_is_wrong_use(
    own_stack: LiveStack, given: str
) -> None:
    refused = own_stack.run("up", "--detach", "--copies", given)

    assert refused.returncode == 2
    assert len(refused.stderr.strip().splitlines()) == 1


def keys_of(told: object) -> object:
    """The keys of a document, of those within it as well."""
    if not isinstance(told, dict):
        return None
    return {key: keys_of(value) for key, value in told.items() if key != "services"}


def values_of(told: object) -> list[object]:
    return (
        [each for value in told.values() for each in values_of(value)]
        if isinstance(told, dict)
        else [told]
    )


def test_what_does_not_run_says_so_in_the_same_keys(stack: LiveStack, own_stack: LiveStack) -> None:
    ran = own_stack.run("status", "--json")

    assert ran.returncode == 3
    told = json.loads(ran.stdout)
    assert (told.pop("state"), told.pop("services")) == ("stopped", {})
    assert set(values_of(told)) == {None}
    running = stack.status()
    del running["state"]
    assert keys_of(told) == keys_of(running)
    assert own_stack.run("down").returncode == 0


def test_the_doctor_finds_a_sound_machine(stack: LiveStack) -> None:
    examined = stack.run("doctor", "--json")

    findings = json.loads(examined.stdout)
    assert [finding for finding in findings if not finding["fine"]] == []
    assert examined.returncode == 0
