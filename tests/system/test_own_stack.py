"""Stacks that one test may break: restarts, moved ports, killed supervisors, own brokers."""

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.embedded.paths import Home
from deploy.embedded.programs import services
from tests.live import LiveStack
from tests.system.doors import is_refused, send

SERVICES = services()
NOT_AUTHORISED = 13


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

    status = guest.status()
    assert status["state"] == "ready"
    assert status["kafka"]["bootstrap"] == f"127.0.0.1:{own_stack.ports['kafka']}"
    assert (status["kafka"]["pid"], status["mongo"]["pid"]) == (None, None)
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
