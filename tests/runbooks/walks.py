"""The pages on what is parked or halted, walked from their first command to their last."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from confluent_kafka import Producer

from shared.engine.consume.circuit_breaker import CASES
from tests.live import wait_until
from tests.runbooks.breaks import post, words_of
from tests.system.command_line import CommandLine
from tests.system.cut import lose_the_beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.live import LiveStack
    from tests.runbooks.breaks import Break, Words

__all__ = ["ENDS", "WALKS", "expected_status"]

BROKEN = "intake.case_opened.v1"
READERS = ("mediation", "notify")
A_MINUTE_S = 65.0


def _parked(stack: LiveStack, service: str, *of: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(
        stack.run("parked", "list", "--service", service, "--json", *of).stdout
    )
    return listed


def _halts(stack: LiveStack) -> dict[str, list[dict[str, Any]]]:
    listed: dict[str, list[dict[str, Any]]] = json.loads(
        stack.run("halts", "list", "--late", "0", "--json").stdout
    )
    return listed


@contextmanager
def parked(stack: LiveStack, _: Path) -> Iterator[Words]:
    """Facts that break their contract, each with one behind it."""
    producer = Producer({**stack.kafka("admin"), "log_level": 0})
    for case in (str(uuid4()) for _ in range(3)):
        post(producer, "intake.cases.mediation", case, 1, type_=BROKEN)
        post(producer, "intake.cases.mediation", case, 2)
    wait_until(
        lambda: all(len(_parked(stack, each)) == 3 for each in READERS), 60, "three to be parked"
    )
    first = _parked(stack, "mediation")[0]
    yield words_of(stack, "mediation") | {
        "ID": lambda: str(first["id"]),
        "CAUSE": lambda: str(first["cause"]),
    }


def _give_up_the_rest(stack: LiveStack, words: Words) -> None:  # noqa: ARG001 - as all ends
    for service in READERS:
        for row in _parked(stack, service):
            give_up = ("parked", "discard", str(row["id"]), "--service", service)
            ran = stack.run(*give_up, "--reason", "rehearsed", "--yes")
            assert ran.returncode == 0, ran.stderr


@contextmanager
def halted(stack: LiveStack, folder: Path) -> Iterator[Words]:
    """Many cases that fail of one cause, a log without its beginning, and a case that waits."""
    samraad = CommandLine(stack, folder, f"rehearsal-{uuid4().hex[:8]}")
    assert samraad.add().returncode == 0
    assert samraad.emit("\n".join(samraad.report() for _ in range(8)))[0] == 0
    producer, waiting = Producer({**stack.kafka("admin"), "log_level": 0}), str(uuid4())
    post(producer, "mediation.cases", waiting, 2, type_="mediation.rehearsed.v1")
    partitions = [f"{each.topic}[{each.partition}]" for each in lose_the_beginning(stack, samraad)]
    for _case in range(CASES + 10):
        post(producer, "intake.cases.mediation", str(uuid4()), 1, type_=BROKEN, flush=False)
    producer.flush(30)

    def stand() -> bool:
        services = {each["service"] for each in _halts(stack)["partitions"]}
        return {"intake", *READERS} <= services

    wait_until(stand, 120, "partitions of three services to halt")
    time.sleep(A_MINUTE_S)  # a waiting case is listed after a minute

    yield words_of(stack, "notify") | {
        "PARTITION": lambda: partitions[0],
        "CASE": lambda: waiting,
    }


def _go_on_with_the_rest(stack: LiveStack, words: Words) -> None:
    lost = {each["lane"] for each in _halts(stack)["partitions"] if each["service"] == "intake"}
    for partition in lost:
        ran = stack.run("halts", "accept-gap", partition, "--reason", "rehearsed", "--yes")
        assert ran.returncode == 0, ran.stderr
    while _halts(stack)["partitions"]:
        time.sleep(A_MINUTE_S)
        stack.run("halts", "resume", "--reason", "rehearsed", "--yes")
        time.sleep(5)
    assert _halts(stack)["cases"] == []
    _give_up_the_rest(stack, words)


def expected_status(command: str) -> int:
    """The code with which a command ends while the cause is not fixed."""
    return int("parked redrive" in command and "--dry-run" not in command)


WALKS: Mapping[str, Break] = {"parked": parked, "halted": halted}
ENDS: Mapping[str, Callable[[LiveStack, Words], None]] = {
    "parked": _give_up_the_rest,
    "halted": _go_on_with_the_rest,
}
