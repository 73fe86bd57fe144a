"""A live stack under test, seen as its users see it: addresses, logins, processes, the real CLI."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.embedded import credentials, tether
from deploy.embedded.paths import CLONE, Home
from deploy.embedded.ports import read_ports
from deploy.embedded.stack import Stack
from deploy.embedded.status import read_status
from tests.forked import run_forked

if TYPE_CHECKING:
    from collections.abc import Callable

START_SECONDS = 150.0
STOP_SECONDS = 90.0
RUN_SECONDS = 120.0


class LiveStack:
    """One stack of its own home, started here and stopped again; it ends when the tests end.

    Nothing of it outlives the test run, however that ends: the kernel ends it with us.
    """

    def __init__(self, root: Path, cache: Path, **environment: str) -> None:
        self.home = Home(root=root, cache=cache)
        self.environment = {
            **os.environ,
            "SAMRAAD_HOME": str(root),
            "SAMRAAD_CACHE": str(cache),
            "COLUMNS": "200",
            "NO_COLOR": "1",
            **environment,
        }
        self._up: subprocess.Popen[bytes] | None = None
        self.on_begun: list[Callable[[], None]] = []

    def begun(self) -> None:
        """Do what is to be done once, when the stack is up for the first time."""
        for step in self.on_begun:
            step()
        self.on_begun.clear()

    def start(self, *options: str) -> None:
        """Run `samraad up` in the foreground of our own, and return when everything is ready."""
        log = self.home.root.with_suffix(".up.log")
        with log.open("ab") as output:
            self._up = subprocess.Popen(
                [*tether.command(signal.SIGTERM), sys.executable, "-m", "cli.main", "up", *options],
                cwd=CLONE,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        while "Ctrl-C ends it." not in log.read_text():
            ended = self._up.poll() is not None
            if ended or time.monotonic() > until:
                self.stop()
                why = "ended" if ended else "was not up in time"
                raise AssertionError(f"the stack {why}:\n{log.read_text()}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop everything as Ctrl-C does, and wait until it is gone."""
        if self._up is None:
            return
        self._up.send_signal(signal.SIGINT)
        try:
            self._up.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._up.kill()
            self._up.wait()
            raise
        finally:
            self._up = None

    def discard(self) -> None:
        """Stop everything and throw the data away; logs stay for the question why."""
        self.stop()
        for place in (self.home.kafka, self.home.mongo):
            shutil.rmtree(place, ignore_errors=True)

    @property
    def ports(self) -> dict[str, int]:
        """The ports of this stack."""
        return read_ports(self.home)

    def kafka(self, user: str) -> dict[str, str]:
        """Address and login of a broker user, in librdkafka's words."""
        return credentials.read_kafka_login(self.home, user)

    def mongo(self, user: str) -> str:
        """URI of a database user."""
        return credentials.read_mongo_uri(self.home, user)

    def url(self, name: str) -> str:
        """Address of a service, the site or the issuer, without a slash at its end."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def log(self, name: str) -> str:
        """What a process has logged."""
        return (self.home.logs / f"{name}.log").read_text()

    def operator_token(self, service: str) -> str:
        """The token that opens the operators' API of a service."""
        return credentials.operator_token_file(self.home, service).read_text().strip()

    def run(
        self, *arguments: str, stdin: str | None = None, timeout: float = RUN_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run the real `samraad` command; what starts processes of its own, from the beginning."""
        if arguments[:1] not in {("up",), ("down",), ("doctor",)}:
            return run_forked("cli.main", arguments, self.environment, stdin=stdin, timeout=timeout)
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=CLONE,
            env=self.environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        """What `samraad status --json` prints, without a process of its own: it is asked often."""
        status: dict[str, Any] = read_status(Stack(self.home))
        return status

    def pid(self, name: str) -> int:
        """Process id of the supervisor, a broker or a service; fails when it does not run."""
        status = self.status()
        if name in {"supervisor", "kafka", "mongo"}:
            return int(status[name]["pid"])
        return int(status["services"][name]["instances"][0]["pid"])

    def kill(self, name: str) -> int:
        """SIGKILL one process; return the process id it had."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until the whole stack reports that it is ready."""
        wait_until(lambda: self.status()["state"] == "ready", seconds, "the stack to be ready")


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Look again and again until it is so; fail after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)
