"""Runs contenders in turn, each in a process of its own, and sums up their runs."""

import asyncio
import resource
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import psutil
import uvloop

from bench.world import World
from shared.runtime.process import collect_rarely

__all__ = [
    "Contender",
    "Figures",
    "Findings",
    "Meter",
    "Run",
    "RunSize",
    "Subject",
    "Target",
    "by_turns",
    "ratio",
    "row_of",
    "run_alone",
    "until",
]

LOOK_S = 0.005


@dataclass(frozen=True, slots=True)
class RunSize:
    """How many runs each contender gets, and how many events each run has."""

    runs: int
    events: int


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one run."""

    events: int
    seconds: float
    cpu_us: float
    """Client CPU for each event, µs."""
    mongod_us: float
    """The database's CPU for each event, µs."""
    peak_mb: float
    """Peak memory of the process, MB, with everything it imported."""
    more: Mapping[str, float] = field(default_factory=dict)
    """Further figures of one subject."""

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


Run = Callable[[World, int], Coroutine[Any, Any, Figures]]


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work; `run` must be picklable, because it runs in another process."""

    name: str
    run: Run
    promises: str
    """What it guarantees and what it does not, so that a ratio can be judged."""
    events: int | None = None
    """The number of events if the usual number would take too long."""
    tuned: bool = True
    """Whether it runs with our services' event loop and collector settings, or with Python's."""


@dataclass(frozen=True, slots=True)
class Target:
    """A target and its measured value."""

    what: str
    wanted: str
    measured: float
    met: bool

    @classmethod
    def at_least(cls, what: str, wanted: float, measured: float) -> "Target":
        """More is better."""
        return cls(what, f"≥ {wanted:g}", measured, measured >= wanted)

    @classmethod
    def at_most(cls, what: str, wanted: float, measured: float) -> "Target":
        """Less is better."""
        return cls(what, f"≤ {wanted:g}", measured, measured <= wanted)


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings of a subject: a table, and its targets."""

    rows: list[dict[str, Any]]
    targets: list[Target] = field(default_factory=list)
    promises: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """One benchmark."""

    title: str
    measure: Callable[[World, RunSize], Findings]
    draw: Callable[[list[dict[str, Any]]], None] | None = None
    """Draws its rows as a picture in docs/."""
    whole_stack: bool = False
    """Whether it needs the services, not only the brokers."""


class Meter:
    """Measures one run from its creation: time, CPU of the process and of the database."""

    def __init__(self, world: World) -> None:
        self._mongod = psutil.Process(world.mongod)
        self._mongod_cpu = _spent(self._mongod)
        self._cpu = _own_cpu()
        self._started = perf_counter()

    def figures(self, events: int, **more: float) -> Figures:
        """Return the figures until now."""
        seconds = perf_counter() - self._started
        return Figures(
            events=events,
            seconds=seconds,
            cpu_us=(_own_cpu() - self._cpu) / events * 1e6,
            mongod_us=(_spent(self._mongod) - self._mongod_cpu) / events * 1e6,
            peak_mb=_peak_mb(),
            more=more,
        )


def by_turns(
    world: World,
    contenders: Sequence[Contender],
    size: RunSize,
    before: Callable[[World, Contender], World | None],
) -> dict[str, list[Figures]]:
    """Run all `size.runs` times, every second round backwards, so that drift affects all equally.

    `before` prepares the world for a run, and may return another one.
    """
    runs: dict[str, list[Figures]] = {each.name: [] for each in contenders}
    for number in range(size.runs):
        for contender in contenders if number % 2 == 0 else list(contenders)[::-1]:
            print(f"  run {number + 1} of {size.runs}: {contender.name}", file=sys.stderr)  # noqa: T201 - progress
            here = before(world, contender) or world
            events = min(contender.events or size.events, size.events)
            runs[contender.name].append(
                run_alone(contender.run, here, events, tuned=contender.tuned)
            )
    return runs


def run_alone(run: Run, world: World, events: int, *, tuned: bool = True) -> Figures:
    """Run once in a process of its own, with our services' event loop and collector or Python's."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (run, world, events, tuned))


def row_of(name: str, figures: Sequence[Figures]) -> dict[str, Any]:
    """Return the medians and the spread of one contender."""
    rates = [each.rate for each in figures]
    return {
        "contender": name,
        "events_per_second": round(median(rates)),
        "slowest": round(min(rates)),
        "fastest": round(max(rates)),
        "client_cpu_us": round(median(each.cpu_us for each in figures), 1),
        "mongod_cpu_us": round(median(each.mongod_us for each in figures), 1),
        "runs": len(figures),
    }


def ratio(
    one: Sequence[Figures],
    other: Sequence[Figures],
    of: Callable[[Figures], float] = lambda figures: figures.rate,
) -> float:
    """Return the median of the ratios of two contenders, run by run."""
    return round(median(of(a) / of(b) for a, b in zip(one, other, strict=True)), 2)


async def until(reached: Callable[[], bool]) -> None:
    """Poll until the condition holds, because there is no event to wait for."""
    while not reached():  # noqa: ASYNC110 - see above
        await asyncio.sleep(LOOK_S)


def _run(run: Run, world: World, events: int, tuned: bool) -> Figures:  # noqa: FBT001 - pickled
    if not tuned:
        return asyncio.run(run(world, events))
    collect_rarely()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run(world, events))


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    """Return the kernel's figure; `ru_maxrss` also counts the parent's memory from the fork."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
