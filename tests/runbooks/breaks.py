"""Ways to break a running stack so that an alarm fires. Each returns the values of the page's placeholders."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer
from pymongo import MongoClient

from deploy.broker import Broker
from deploy.embedded.broker_rights import connect
from shared.contracts.envelope import Envelope, write_envelope
from shared.contracts.topics import Right
from tests.live import LiveStack, wait_until
from tests.system.command_line import CommandLine

__all__ = ["BREAKS", "Break", "Words", "post", "words_of"]

Words = dict[str, Callable[[], str]]
"""The values of a page's placeholders, asked when a command is about to run."""
Break = Callable[[LiveStack, Path], Any]

MANY = 120_000


def words_of(stack: LiveStack, service: str) -> Words:
    return {
        "SERVICE": lambda: service,
        "PID": lambda: str(stack.pid(service)),
        "MONGO_PID": lambda: str(stack.pid("mongo")),
        "KAFKA_PID": lambda: str(stack.pid("kafka")),
        "REASON": lambda: "rehearsed",
    }


@contextmanager
def _frozen(stack: LiveStack, name: str, service: str) -> Iterator[Words]:
    """A process that lives and answers nobody."""
    pid = stack.pid(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield words_of(stack, service)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def absent(stack: LiveStack, _: Path) -> Any:
    return _frozen(stack, "mediation", "mediation")


def database(stack: LiveStack, _: Path) -> Any:
    return _frozen(stack, "mongo", "intake")


def broker(stack: LiveStack, _: Path) -> Any:
    return _frozen(stack, "kafka", "intake")


@contextmanager
def behind(stack: LiveStack, _: Path) -> Iterator[Words]:
    """A process that hardly gets to run, and more events than it can take."""
    pid, over = stack.pid("mediation"), threading.Event()

    def starve() -> None:
        with suppress(ProcessLookupError):
            while not over.is_set():
                os.kill(pid, signal.SIGSTOP)
                time.sleep(1.0)
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.015)

    starving = threading.Thread(target=starve)
    starving.start()
    producer = Producer({**stack.kafka("admin"), "log_level": 0})
    for _number in range(MANY):
        post(producer, "intake.cases.mediation", str(uuid4()), 1, flush=False)
        producer.poll(0)
    producer.flush(60)
    try:
        yield words_of(stack, "mediation")
    finally:
        over.set()
        starving.join()


def post(
    producer: Producer,
    topic: str,
    case: str,
    sequence: int,
    *,
    type_: str = "intake.rehearsed.v1",
    flush: bool = True,
) -> None:
    service, _, rest = topic.partition(".")
    envelope = Envelope(
        f"{topic}-{case}-{sequence}",
        f"/{service}/{rest.replace('.', '/')}",
        type_,
        datetime.now(UTC),
        case,
        sequence=sequence,
    )
    producer.produce(topic, b"{}", key=case, headers=[*write_envelope(envelope)])
    if flush:
        assert producer.flush(30) == 0


def _a_case(stack: LiveStack, folder: Path, example: str) -> str:
    samraad = CommandLine(stack, folder, f"rehearsal-{uuid4().hex[:8]}")
    assert samraad.add(kind="police").returncode == 0
    code, (receipt,) = samraad.emit(samraad.report(example))
    assert code == 0
    return str(receipt["case_id"])


@contextmanager
def outbox(stack: LiveStack, folder: Path) -> Iterator[Words]:
    """A right to write that somebody took away."""
    right = Right(user="notify", resource="TOPIC", name="notify.notices", operation="WRITE")
    Broker(connect(stack.kafka("admin"))).revoke([right])
    _a_case(stack, folder, "mediation-violence-between-two-young")
    with MongoClient[dict[str, Any]](stack.mongo("admin")) as client:
        waiting = client["notify"]["outbox"]
        wait_until(lambda: waiting.count_documents({}) > 0, 60, "something to publish")
    yield words_of(stack, "notify")


@contextmanager
def rights(stack: LiveStack, _: Path) -> Iterator[Words]:
    """A right to write that somebody took away, and a member of staff who leaves."""
    right = Right(user="notify", resource="TOPIC", name="notify.staff", operation="WRITE")
    Broker(connect(stack.kafka("admin"))).revoke([right])
    left = stack.run("staff", "deactivate", "helle", "--reason", "leaves")
    assert left.returncode == 0, left.stderr
    yield words_of(stack, "notify")


@contextmanager
def gap(stack: LiveStack, _: Path) -> Iterator[Words]:
    """A fact whose predecessor never comes."""
    case = str(uuid4())
    producer = Producer({**stack.kafka("admin"), "log_level": 0})
    post(producer, "mediation.cases", case, 2, type_="mediation.rehearsed.v1")
    yield words_of(stack, "notify") | {"CASE": lambda: case}


@contextmanager
def deadlines(stack: LiveStack, folder: Path) -> Iterator[Words]:
    """A case that is parked by a fact that breaks its contract, with a step that is overdue."""
    case = _a_case(stack, folder, "psp-home-visits-after-admission")
    with MongoClient[dict[str, Any]](stack.mongo("admin")) as client:
        due = client["psp"]["due"]
        wait_until(lambda: due.count_documents({"case_id": case}) > 0, 60, "a deadline")
        producer = Producer({**stack.kafka("admin"), "log_level": 0})
        post(producer, "intake.cases.psp", case, 2, type_="intake.case_opened.v1")
        wait_until(lambda: bool(_parked(stack, case)), 60, "the case to be parked")
        passed = datetime.now(UTC) - timedelta(minutes=3)
        due.update_many({"case_id": case}, {"$set": {"due_at": passed, "look_at": passed}})
    yield words_of(stack, "psp") | {"ID": lambda: str(_parked(stack, case)[0]["id"])}


def _parked(stack: LiveStack, case: str) -> list[Mapping[str, Any]]:
    listed = json.loads(stack.run("parked", "list", "--service", "psp", "--json").stdout)
    return [row for row in listed if row.get("case_id") == case]


@contextmanager
def restarting(stack: LiveStack, _: Path) -> Iterator[Words]:
    """Something that kills a process four times."""
    killed = {stack.kill("psp")}
    while len(killed) <= 3:
        wait_until(lambda: _runs_anew(stack, killed), 30, "a new process")
        killed.add(stack.kill("psp"))
    yield words_of(stack, "psp")


def _runs_anew(stack: LiveStack, killed: set[int]) -> bool:
    running = stack.status()["services"]["psp"]["instances"]
    return bool(running) and running[0]["pid"] not in killed


@contextmanager
def watchdog(stack: LiveStack, _: Path) -> Iterator[Words]:
    """A right to read that somebody took away: the log's end is seen, and nothing in it."""
    topic = {"user": "psp", "resource": "TOPIC", "name": "intake.cases.psp"}
    kafka = Broker(connect(stack.kafka("admin")))
    kafka.grant([Right(**topic, operation="DESCRIBE")])
    kafka.revoke([Right(**topic, operation="READ")])
    producer = Producer({**stack.kafka("admin"), "log_level": 0})

    def has_lag() -> bool:
        """What was on its way when the right went is still delivered."""
        post(producer, "intake.cases.psp", str(uuid4()), 1)
        time.sleep(3)
        return bool(stack.status()["services"]["psp"]["lag"])

    wait_until(has_lag, 60, "psp to have events that it may not read")
    yield words_of(stack, "psp")


BREAKS: Mapping[str, Break] = {
    "absent": absent,
    "database": database,
    "broker": broker,
    "restarting": restarting,
    "watchdog": watchdog,
    "behind": behind,
    "outbox": outbox,
    "rights": rights,
    "deadlines": deadlines,
    "gap": gap,
}
"""The quick ones first."""
