"""What an operator sees: the table of each process, live on a terminal, and the alarms that fire."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from deploy.alarms import ALARMS
from deploy.embedded.paths import CLONE
from deploy.embedded.programs import services
from tests.live import wait_until
from tests.system.command_line import DONE, FAILED, CommandLine

if TYPE_CHECKING:
    from tests.live import LiveStack

SERVICES = services()
CLEARED = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def instance(stack: LiveStack, service: str) -> dict[str, Any]:
    status: dict[str, Any] = stack.status()["services"][service]["instances"][0]
    return status


def test_without_a_terminal_it_is_shown_once_with_every_process(office: CommandLine) -> None:
    assert office.emit(office.report())[0] == DONE

    ran = office.run("status")

    assert ran.returncode == DONE, ran.stderr
    assert ran.stdout.count("Last step") == 1
    for name in ("kafka", "mongo", *SERVICES):
        assert re.search(rf"^{name} +(ready|degraded)", ran.stdout, re.MULTILINE), ran.stdout
    assert re.search(r"^intake .* \d+ (s|min) ago *$", ran.stdout, re.MULTILINE), ran.stdout


def test_on_a_terminal_it_goes_on_until_ctrl_c(stack: LiveStack) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cli.main", "status", "--every", "0.5"]
    environment = {**stack.environment, "TERM": "xterm"}
    shown = subprocess.Popen(command, cwd=CLONE, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        seen = read_until(ours, lambda text: text.count("Last step") >= 3)
        shown.send_signal(signal.SIGINT)
        assert shown.wait(30) == DONE, seen
    finally:
        shown.kill()
        shown.wait()
        os.close(ours)


def read_until(terminal: int, is_enough: Any, seconds: float = 60) -> str:
    """Read what is drawn until it is enough, or until nobody draws any more."""
    text, until = "", time.monotonic() + seconds
    while not is_enough(text):
        assert time.monotonic() < until, text
        if select.select([terminal], [], [], 0.5)[0]:
            try:
                drawn = os.read(terminal, 65_536)
            except OSError:  # the other side is closed
                return text
            text += CLEARED.sub("", drawn.decode("utf-8", "replace"))
    return text


def test_once_is_enough_on_a_terminal_too(stack: LiveStack) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cli.main", "status", "--once"]
    environment = {**stack.environment, "TERM": "xterm"}
    shown = subprocess.Popen(command, cwd=CLONE, env=environment, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        text = read_until(ours, lambda _: False)
        assert shown.wait(30) == DONE
        assert text.count("Last step") == 1
    finally:
        shown.kill()
        shown.wait()
        os.close(ours)


def test_programs_see_each_process(stack: LiveStack, office: CommandLine) -> None:
    assert office.emit(office.report())[0] == DONE

    for service in SERVICES:
        status = instance(stack, service)
        assert set(status) == {
            *("pid", "rss_mb", "name", "state", "lag", "outbox_oldest_s", "parked"),
            *("halts", "restarts", "last_step"),
        }
        assert (status["name"], status["halts"]) == (service, 0)
    assert instance(stack, "intake")["last_step"].endswith("Z")


def test_a_start_that_nobody_asked_for_is_counted(stack: LiveStack) -> None:
    before = instance(stack, "psp")["restarts"]

    stack.kill("psp")

    wait_until(lambda: stack.status()["services"]["psp"]["instances"] != [], 60, "psp runs")
    wait_until(lambda: instance(stack, "psp")["restarts"] > before, 60, "the restart is counted")
    stack.wait_until_ready(60)


def test_a_process_that_hangs_is_an_alarm_with_a_page_until_it_is_ended(stack: LiveStack) -> None:
    pid = stack.pid("psp")
    os.kill(pid, signal.SIGSTOP)
    try:
        listed = alarms(stack)
        assert ("psp", "absent") in listed
        assert listed["psp", "absent"]["runbook"] == "docs/runbooks/absent.md"
        assert listed["psp", "absent"]["sentence"] == "psp: one of its processes does not answer"
        shown = stack.run("status").stdout
        assert re.search(r"ABSENT +psp: .*docs/runbooks/absent\.md", shown)
    finally:
        os.kill(pid, signal.SIGKILL)

    wait_until(lambda: ("psp", "absent") not in alarms(stack), 60, "the alarm to be over")
    stack.wait_until_ready(60)


def alarms(stack: LiveStack) -> dict[tuple[str, str], dict[str, Any]]:
    ran = stack.run("alarms", "--json")
    listed = {(each["service"], each["alarm"]): each for each in json.loads(ran.stdout)}
    assert ran.returncode == (FAILED if listed else DONE)
    assert {name for _, name in listed} <= {alarm.name for alarm in ALARMS}
    return listed
