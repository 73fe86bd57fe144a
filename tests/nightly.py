"""`make nightly`: everything that takes too long for CI, one target after the other.

  python -m tests.nightly [NAME…]    those alone; without names, all of them
  python -m tests.nightly --list     what there is, without running it

A target that fails does not stop the others. The output of each goes to a file of its own below
`.samraad/nightly/`. Exit code 1 when a target failed, 2 when a name is unknown.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import docker
from rich.console import Console
from rich.table import Table

from deploy.embedded.paths import CLONE

__all__ = ["TARGETS", "Outcome", "Result", "Target", "main", "run_all"]

LOGS: Final = CLONE / ".samraad" / "nightly"
TAIL_LINES: Final = 15
"""Of the log of a target that failed, shown at once."""
_END_S: Final = 30.0
"""From SIGTERM to SIGKILL for a target that reached its limit."""


class Outcome(StrEnum):
    """How a target ended."""

    PASSED = "passed"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Target:
    """One command of the night."""

    name: str
    what: str
    command: tuple[str, ...]
    limit_s: float = 7_200.0
    """Seconds after which it is ended and counts as failed."""
    needs_docker: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a target."""

    target: Target
    outcome: Outcome
    seconds: float
    remark: str = ""


def _make(name: str, what: str, *, needs_docker: bool = False) -> Target:
    target = "test-containers" if name == "containers" else name
    return Target(name, what, ("make", "--no-print-directory", target), needs_docker=needs_docker)


def _pytest(name: str, what: str, *arguments: str) -> Target:
    return Target(name, what, (sys.executable, "-m", "pytest", *arguments))


TARGETS: Final = (
    _pytest("marked", "the tests marked `nightly`", "-m", "nightly"),
    _pytest(
        "properties",
        "the property tests with 2,000 examples each",
        *("-m", "hypothesis", "--hypothesis-profile=nightly", "--timeout=1800"),
    ),
    _make("model", "the protocol's model with two faults in each run"),
    _make("regressions", "each rule's loss planted, and seen by the tests it names"),
    _make("outages", "broker and database killed below the engine"),
    _make("kills", "hundreds of deaths below one engine"),
    _make("faults", "the whole system broken by five seeds"),
    _make("pressure", "ten times the capacity for ten minutes"),
    _make("runbooks", "each alarm raised, and ended by its page"),
    _make("upgrade", "a home of the version before, started by this one and once back"),
    _make("containers", "the set of containers", needs_docker=True),
    _make("bench", "the figures of docs/bench.md, measured again"),
)


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; return the exit code."""
    asked = _parse(arguments)
    console = Console(highlight=False)
    if asked.list:
        console.print(*(f"{each.name:<12} {each.what}" for each in TARGETS), sep="\n")
        return 0
    if unknown := sorted(set(asked.names) - {each.name for each in TARGETS}):
        console.print(f"There is no target {', '.join(unknown)}. --list shows those there are.")
        return 2
    chosen = [each for each in TARGETS if not asked.names or each.name in asked.names]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    logs = LOGS / datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    results = run_all(chosen, logs, console)
    return 1 if any(each.outcome is Outcome.FAILED for each in results) else 0


def run_all(targets: Iterable[Target], logs: Path, console: Console) -> list[Result]:
    """Run the targets in their order, report how each ended, and show them all in a table."""
    logs.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    try:
        for target in targets:
            console.print(f"{target.name:<12} {target.what} …")
            results.append(result := _run(target, logs / f"{target.name}.log"))
            console.print(f"{'':<12} {_sentence(result)}")
            if result.outcome is Outcome.FAILED:
                _show_tail(logs / f"{target.name}.log", console)
    finally:
        console.print(_table(results), f"Logs: {logs}", sep="\n")
    return results


def _run(target: Target, log: Path) -> Result:
    if target.needs_docker and not _docker_answers():
        return Result(target, Outcome.SKIPPED, 0.0, "no Docker API answers")
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            target.command,
            cwd=CLONE,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(target.limit_s)
        except subprocess.TimeoutExpired:
            _end(process)
            remark = f"not done after {target.limit_s:.0f} s"
            return Result(target, Outcome.FAILED, time.monotonic() - began, remark)
        except BaseException:
            _end(process)
            raise
    seconds = time.monotonic() - began
    if code:
        return Result(target, Outcome.FAILED, seconds, f"exit code {code}")
    return Result(target, Outcome.PASSED, seconds)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a target with all that it started."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _docker_answers() -> bool:
    try:
        with closing(docker.from_env()) as engine:
            return bool(engine.ping())
    except docker.errors.DockerException:
        return False


def _sentence(result: Result) -> str:
    remark = f" ({result.remark})" if result.remark else ""
    return f"{result.outcome} after {result.seconds:.0f} s{remark}"


def _show_tail(log: Path, console: Console) -> None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines[-TAIL_LINES:]:
        console.print(f"  | {line}", markup=False)


def _table(results: Iterable[Result]) -> Table:
    table = Table("target", "outcome", "seconds", "remark")
    for each in results:
        table.add_row(each.target.name, each.outcome, f"{each.seconds:.0f}", each.remark)
    return table


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.nightly", description=__doc__)
    parser.add_argument("names", nargs="*", help="the targets to run; all of them without")
    parser.add_argument("--list", action="store_true", help="show the targets, and run nothing")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
