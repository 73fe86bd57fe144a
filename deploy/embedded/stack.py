"""The whole stack on one machine: its start and stop, from any state.

`up` may run at any time and again: it starts what is missing, restores logins and rights, leaves
running processes alone, and keeps the data.
"""

import fcntl
import hashlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

from deploy.embedded import credentials, download, front, kafka, npm, probes
from deploy.embedded.brokers import Brokers
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import Home
from deploy.embedded.ports import NAMES, choose_ports, read_ports, service_of
from deploy.embedded.programs import (
    BROKERS,
    FRONT,
    SERVICES,
    Program,
    Wanted,
    issuer_url,
    needed_ports,
    programs,
    service_url,
    site_url,
)
from deploy.embedded.progress import ProgressListener, Up
from deploy.embedded.supervision import Supervision

READY_SECONDS = 90.0
"""How long services may take until they are ready."""
MOST_LIVES = 5
"""How often a process may restart before `up` stops waiting for it."""
LOOK_AGAIN_SECONDS = 0.1


class Stack:
    """One stack of one home."""

    def __init__(self, home: Home | None = None) -> None:
        self.home = home or Home.from_environment()
        self.supervision = Supervision(self.home)

    @property
    def ports(self) -> dict[str, int]:
        """The ports of this stack; empty before its first start."""
        return read_ports(self.home)

    def up(
        self,
        wanted: Wanted,
        given_ports: Mapping[str, int] | None = None,
        *,
        tethered: bool = False,
        progress: ProgressListener | None = None,
    ) -> Up:
        """Bring up what is wanted and return when it is ready, or when `READY_SECONDS` are over.

        Raises StackProblem when brokers cannot be had; services that are late are named in the
        answer, because the supervisor keeps restarting them.
        """
        progress = progress or ProgressListener()
        brokers = Brokers(self.home, self.supervision, progress)
        wanted = replace(wanted, own_kafka=brokers.own_kafka, own_mongo=brokers.own_mongo)
        self.home.make()
        with self._alone():
            return self._converge(
                wanted, given_ports or {}, brokers, tethered=tethered, progress=progress
            )

    def trace(self, *, wanted: bool) -> None:
        """Let processes that are started from now on write traces, or no more; what was written stays."""
        here, away = self.home.traces, self.home.traces.with_name("traces.off")
        now, then = (away, here) if wanted else (here, away)
        if now.is_dir() and not then.exists():
            now.rename(then)
        elif wanted:
            here.mkdir(mode=0o700, parents=True, exist_ok=True)

    def down(self, progress: ProgressListener | None = None) -> bool:
        """Stop all, last started first; False when nothing ran."""
        progress = progress or ProgressListener()
        if not self.home.run.exists():
            return False
        with self._alone():
            pid = self.supervision.pid()
            if pid is None:
                return False
            self._stop_in_order(progress)
            self.supervision.end()
            _wait_for_end(pid)
            return True

    def _stop_in_order(self, progress: ProgressListener) -> None:
        seen = self.supervision.look()
        brokers = {"kafka", "mongo"} & seen.keys()
        services = {name for name in seen if service_of(name) in credentials.SERVICES}
        for what, names in (
            ("pages", seen.keys() - brokers - services),
            ("services", services),
            ("Kafka and MongoDB", brokers),
        ):
            progress.step(f"Stopping {what}")
            self.supervision.stop(names)

    def _converge(
        self,
        wanted: Wanted,
        given: Mapping[str, int],
        brokers: Brokers,
        *,
        tethered: bool,
        progress: ProgressListener,
    ) -> Up:
        running = self.supervision.pid() is not None
        listed_now = self.supervision.look()
        before = {name for name, seen in listed_now.items() if seen.runs}
        if running and not wanted.demo and "demo" in before:
            wanted = replace(wanted, demo=True)
        if running and not wanted.copies:
            wanted = replace(wanted, copies=_copies_among(listed_now))
        if running and wanted.brokers_only and before - {"kafka", "mongo"}:
            wanted = replace(wanted, brokers_only=False)
        self._refuse_moving(given, before)
        self._download(wanted, progress)
        holders = before | ({"controller"} if "kafka" in before else set())
        ports = choose_ports(
            self.home,
            given,
            frozenset(holders),
            frozenset(NAMES) - needed_ports(wanted),
            progress.report,
            wanted.further_copies,
        )
        progress.step("Preparing")
        credentials.make_local_secrets(self.home)
        brokers.prepare(ports)
        if not wanted.brokers_only:
            front.prepare(self.home, ports, wanted.processes)
        listed = self._listed(ports, wanted)
        changed = self.supervision.write(listed)
        process = None
        if not running:
            process = self.supervision.launch(tethered=tethered)
        elif changed:
            self.supervision.adopt()
        now = {name for name, seen in self.supervision.look().items() if seen.runs}
        was_up = running and all(program.name in now for program in listed)
        try:
            if not was_up:
                progress.step("Starting Kafka and MongoDB")
                self.supervision.start(one.name for one in listed if one.order == BROKERS)
                brokers.settle(ports)
                progress.step("Starting the services")
                self.supervision.start(one.name for one in listed if one.order == SERVICES)
                self.supervision.start(one.name for one in listed if one.order == FRONT)
            late = self._wait_until_ready(listed, ports, progress)
        except BaseException:
            if process is not None:
                self._give_up(process)
            raise
        at_kafka, at_mongo = brokers.addresses(ports)
        return Up(
            ports=ports,
            kafka=at_kafka,
            mongo=at_mongo,
            was_up=was_up,
            supervisor=process,
            late=late,
        )

    def _refuse_moving(self, given: Mapping[str, int], running: set[str]) -> None:
        for name, port in given.items():
            now = self.ports.get(name)
            if name in running and now != port:
                raise StackProblem(
                    f"{name} runs on port {now}: end the stack with `samraad down` to move it."
                )

    def _download(self, wanted: Wanted, progress: ProgressListener) -> None:
        if wanted.own_kafka:
            download.fetch_jars(self.home, progress.meter)
        if not wanted.brokers_only:
            npm.fetch_dkfds(self.home, progress.meter)
            npm.fetch_htmx(self.home, progress.meter)

    def _listed(self, ports: dict[str, int], wanted: Wanted) -> list[Program]:
        """List the programs; one whose settings file changed is another program."""
        settings = {
            "kafka": kafka.settings_file(self.home),
            "site": front.settings_file(self.home),
        }
        listed = []
        for program in programs(self.home, ports, wanted):
            file = settings.get(program.name)
            if file is not None:
                digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
                environment = {**program.environment, "SAMRAAD_SETTINGS": digest}
                listed.append(replace(program, environment=environment))
            else:
                listed.append(program)
        return listed

    def _wait_until_ready(
        self, listed: list[Program], ports: dict[str, int], progress: ProgressListener
    ) -> list[str]:
        waiting = {one.name for one in listed if one.order != BROKERS and one.name != "demo"}
        late: set[str] = set()
        lives: dict[str, set[int]] = {name: set() for name in waiting}
        until = time.monotonic() + READY_SECONDS
        while waiting:
            waiting -= {name for name in waiting if self.is_ready(name, ports)}
            seen = self.supervision.look()
            for name in waiting & seen.keys():
                lives[name].add(seen[name].pid)
            late |= {name for name in waiting if len(lives[name]) > MOST_LIVES}
            waiting -= late
            if not waiting or time.monotonic() > until:
                break
            progress.step(f"Waiting for {', '.join(sorted(waiting))}")
            time.sleep(LOOK_AGAIN_SECONDS)
        return sorted(waiting | late)

    def is_ready(self, name: str, ports: dict[str, int]) -> bool:
        """Whether one process is ready."""
        if name == "site":
            return probes.answers(f"{site_url(ports)}/assets/")
        if name == "issuer":
            return probes.answers(f"{issuer_url(ports)}/.well-known/openid-configuration")
        return probes.ask_health(service_url(ports, name)).state == "ready"

    def _give_up(self, process: "subprocess.Popen[bytes]") -> None:
        """End a supervisor that this call started and could not fill."""
        self.supervision.end()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one `up` or `down` at a time touch this home."""
        with (self.home.run / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _copies_among(names: Iterable[str]) -> Counter[str]:
    """Count the processes of each service."""
    services = map(service_of, names)
    return Counter(service for service in services if service in credentials.SERVICES)


def _wait_for_end(pid: int, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while _exists(pid):
        if time.monotonic() > until:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(LOOK_AGAIN_SECONDS / 2)


def _exists(pid: int) -> bool:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
