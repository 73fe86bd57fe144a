"""The stack that the fault rig breaks: its own brokers, its services in copies, its partners."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.embedded.stack import Stack
from deploy.embedded.status import read_status
from tests.faults.checker.ledger import Ledger
from tests.faults.checker.sender import PartnerClient
from tests.faults.storm import KINDS, SERVICES
from tests.live import LiveStack

__all__ = ["Rig", "process_of"]

_UP_S = 120.0


def process_of(instance: str) -> str:
    """Name the supervisor's process of an instance: `notify-1` is `notify`, `notify-2` itself."""
    return instance.removesuffix("-1")


class Rig:
    """A live stack with everything at hand that a fault needs."""

    def __init__(self, live: LiveStack, folder: Path) -> None:
        self.folder = folder
        self.live = live
        self.crash_plans = Path(live.environment["SAMRAAD_CRASH"])
        self.stack = Stack(live.home)
        self.copies = 1
        self.partners: list[Path] = []

    @classmethod
    def start(cls, folder: Path, cache: Path, copies: int) -> "Rig":
        """Bring up a stack for this alone."""
        crash_plans = folder / "crash"
        crash_plans.mkdir(parents=True)
        live = LiveStack(folder / "home", cache, SAMRAAD_FAULTS="1", SAMRAAD_CRASH=str(crash_plans))
        rig = cls(live, folder)
        live.start(*_options(copies))
        rig.copies = copies
        rig.let_in_partners()
        return rig

    def let_in_partners(self) -> None:
        """Let three partners in that nobody else sends as."""
        for kind in KINDS:
            name = f"rig-{kind}-{uuid4().hex[:8]}"
            self.partners.append(self.folder / f"{name}.json")
            ran = self.live.run(
                "partner", "add", name, "--kind", kind, "--out", str(self.partners[-1])
            )
            assert ran.returncode == 0, ran.stderr

    def scale(self, copies: int) -> None:
        """Run as many processes of each service, as an operator would ask for."""
        if copies != self.copies:
            ran = self.live.run("up", "--detach", *_options(copies), timeout=_UP_S)
            assert ran.returncode == 0, ran.stderr
            self.copies = copies

    def discard(self) -> None:
        """End everything."""
        self.live.discard()

    def status(self) -> dict[str, Any]:
        """What `samraad status --json` prints, without a process of its own."""
        status: dict[str, Any] = read_status(self.stack)
        return status

    @property
    def instances(self) -> list[str]:
        """The names of all service processes."""
        return [each for service in SERVICES for each in self.copies_of(service)]

    def copies_of(self, service: str) -> list[str]:
        """The names of a service's processes."""
        return [f"{service}-{n}" for n in range(1, self.copies + 1)]

    def arm(self, instance: str, lines: list[str]) -> None:
        """Set the crash points at which an instance is to die, in one life after the other."""
        fresh = self.crash_plans / f"{instance}.new"
        fresh.write_text("".join(f"{line}\n" for line in lines))
        fresh.replace(self.crash_plans / instance)

    def url(self, instance: str) -> str:
        """Where a process answers."""
        return f"http://127.0.0.1:{self.stack.ports[process_of(instance)]}"

    def urls(self) -> dict[str, list[str]]:
        """The addresses of each service's processes."""
        return {
            service: [self.url(each) for each in self.copies_of(service)] for service in SERVICES
        }

    def pids(self) -> dict[str, int]:
        """The process ids of all that runs now, by the supervisor's names."""
        return {name: seen.pid for name, seen in self.stack.supervision.look().items() if seen.runs}

    def send_signal(self, name: str, number: int) -> int | None:
        """Send a signal to what runs under a name now; None where nothing does."""
        pid = self.pids().get(name)
        if pid is None:
            return None
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return None
        return pid

    def wake_all(self) -> None:
        """Let nothing sleep on."""
        for pid in self.pids().values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def command_mongo(self, *command: Any, **arguments: Any) -> bool:
        """Ask the database, as its administrator; False where it does not answer now."""
        uri = self.live.mongo("admin")
        try:
            with MongoClient[dict[str, Any]](
                uri, serverSelectionTimeoutMS=3_000, timeoutMS=5_000
            ) as client:
                client.admin.command(*command, **arguments)
        except PyMongoError:
            return False
        return True

    def clients(self, ledger: Ledger) -> list[PartnerClient]:
        """Give the partners' clients, which write this ledger."""
        return [PartnerClient(file, ledger) for file in self.partners]

    def log_since(self, instance: str, began: float) -> str:
        """What a process logged, if it did lately; for a report of a failure."""
        file = self.live.home.logs / f"{process_of(instance)}.log"
        if not file.exists() or file.stat().st_mtime < began:
            return ""
        return file.read_text(errors="replace")[-4_000:]

    def wait_until_up(self, seconds: float) -> None:
        """Wait until every process answers."""
        until = time.monotonic() + seconds
        while self.status()["state"] != "ready":
            assert time.monotonic() < until, f"not up again: {self.status()}"
            time.sleep(0.3)


def _options(copies: int) -> Iterable[str]:
    for service in SERVICES:
        yield "--copies"
        yield f"{service}={copies}"
