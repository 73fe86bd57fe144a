"""What one seed decides: how many copies run, what is sent, and every fault with its moment.

Pure: the same seed gives the same plan. What the machine makes of it differs by milliseconds.
"""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from deploy.embedded.paths import CLONE
from shared.crash_points import POINTS
from tests.faults.storm import SERVICES

__all__ = [
    "Fault",
    "Plan",
    "crash_points_of",
    "is_directed_only",
    "make_plan",
    "seeds_of_this_commit",
]

BASE_COMMIT: Final = "samraad"
"""What seeds are drawn from where there is no repository."""

SECONDS, SHORT_SECONDS = 40.0, 20.0
REPORTS_PER_S: Final = 10.0
FAULTS_PER_S: Final = {1: 0.9, 2: 1.4, 3: 1.7}
"""By copies: a process that is killed again before it was up tests nothing."""
_FAULTS_FOR: Final = 0.9
"""Of the load's time: reports go on after the last fault, so that what is armed is come to."""
LONG_FREEZE_S: Final = 11.5
"""Longer than a member's session lasts: its partitions go to others while it sleeps."""

_ONE_SERVICE: Final = {
    "keys": ("intake", "mediation", "psp"),
    "intake": ("intake",),
    "redrive": ("intake",),
    "details": ("mediation", "psp"),
    "action": ("mediation", "psp"),
    "drain": ("mediation", "psp", "notify"),
    "ticker": ("mediation", "psp"),
}
_DIRECTED_ONLY: Final = frozenset(
    {
        *("unreadable.before_commit", "unreadable.after_commit"),
        *("requeue.before_commit", "requeue.after_commit", "relay.before_keeping_rest"),
        *("ticker.loaded", "ticker.before_commit", "ticker.after_commit"),
        *("sweep.between_cases", "keys.between_two"),
        *("command.before_commit", "command.after_commit"),
    }
)
"""What a storm hardly comes to: tests/edge/test_engine_crash_points.py and test_commands.py go there
on purpose."""
_SELDOM: Final = ("drain", "redrive", "group", "lane", "watermark", "lease", "keys", "ticker")
_AT_START: Final = frozenset(
    {
        "lane.before_take",
        "lane.after_take",
        "lane.before_seek",
        "watermark.between_fence_and_take",
        "group.assigned",
    }
)
"""Points that a process comes to when it has just begun: it is killed so that it begins anew."""

FAILURES: Final[tuple[dict[str, Any], ...]] = (
    # executed, and then not answered: unclear in earnest
    {
        "failCommands": ["commitTransaction"],
        "writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"},
    },
    {
        "failCommands": ["commitTransaction"],
        "writeConcernError": {"code": 91, "errmsg": "shutting down"},
    },
    {"failCommands": ["commitTransaction"], "closeConnection": True},
    {
        "failCommands": ["insert", "update"],
        "errorCode": 112,
        "errorLabels": ["TransientTransactionError"],
    },
    {"failCommands": ["update", "find"], "closeConnection": True},
    {"failCommands": ["delete"], "errorCode": 11602},
    {"failCommands": ["aggregate", "find"], "blockConnection": True, "blockTimeMS": 150},
)

_USUAL: Final = (
    *["crash"] * 20,
    *["crash_all"] * 6,
    *["kill"] * 11,
    *["kill_some"] * 5,
    *["stop_at"] * 2,
    *["freeze"] * 2,
    *["terminate"] * 2,
    *["fail"] * 3,
    *["slow_mongo"] * 1,
    *["repeat"] * 2,
)
_LARGE: Final = ("step_down", "kill_mongo", "kill_kafka", "zombie", "roll", "freeze_kafka")
_SHORT_LARGE: Final = ("step_down", "roll")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that goes wrong, `at_s` after the load began."""

    at_s: float
    kind: str
    target: str = ""
    how: str = ""
    number: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One seed's run."""

    seed: int
    copies: int
    reports: int
    seconds: float
    faults: list[Fault] = field(default_factory=list)
    calm: str = "mediation-1"
    """What is killed once more when all is at rest, to measure how soon it is back."""
    short: bool = False
    planted: int = 0
    """Cases whose facts are planted out of order, doubled, and now and then poisoned."""

    @property
    def per_second(self) -> float:
        """Reports that are sent in a second."""
        return self.reports / self.seconds

    def dice(self, what: str) -> Random:
        """Give dice for one part of the run, whatever the others threw."""
        return Random(f"{self.seed} {what}")  # noqa: S311 - a run that can be repeated


def crash_points_of(service: str) -> list[str]:
    """List the points that a service comes to in a storm; the usual ones more often."""
    points: list[str] = []
    for point in POINTS:
        area = point.partition(".")[0]
        if point not in _DIRECTED_ONLY and service in _ONE_SERVICE.get(area, SERVICES):
            points += [point] * (1 if area in _SELDOM else 2)
    return points


def is_directed_only(point: str) -> bool:
    """Whether a storm hardly comes to a point, so that a test of its own goes there."""
    return point in _DIRECTED_ONLY


def make_plan(seed: int, copies: int | None = None, *, short: bool = False) -> Plan:
    """Let a seed decide. `copies` overrules it, `short` leaves out what takes a broker's restart."""
    dice = Random(f"{seed} plan")  # noqa: S311 - a run that can be repeated
    drawn = dice.choice((1, 2, 2, 3, 3))
    copies = drawn if copies is None else copies
    seconds = SHORT_SECONDS if short else SECONDS
    instances = [f"{service}-{n}" for service in SERVICES for n in range(1, copies + 1)]
    turns = _turns(dice, instances)
    count = int(FAULTS_PER_S.get(copies, 1.7) * seconds) + dice.randrange(6)
    step = _FAULTS_FOR * seconds / count
    faults = [
        _fault(dice, dice.choice(_USUAL), turns, at_s=step * (number + dice.random()))
        for number in range(count)
    ]
    for large in dice.sample(_SHORT_LARGE if short else _LARGE, 1 if short else 2):
        faults += _large(dice, large, instances, copies, seconds)
    return Plan(
        seed=seed,
        copies=copies,
        reports=int(seconds * REPORTS_PER_S) + dice.randrange(50),
        seconds=seconds,
        faults=sorted(faults),
        planted=6 + dice.randrange(6),
        calm=dice.choice(instances if short else [*instances, *_brokers(len(instances))]),
        short=short,
    )


def _turns(dice: Random, instances: list[str]) -> Iterator[str]:
    """Let each have its turn before any has its next, so that most are up when they are hit."""
    while True:
        yield from dice.sample(instances, len(instances))


def _fault(dice: Random, kind: str, turns: Iterator[str], at_s: float) -> Fault:
    at, target = at_s, next(turns)
    service = target.partition("-")[0]
    match kind:
        case "crash":
            point = dice.choice(crash_points_of(service))
            at_start = point in _AT_START
            times = 1 if at_start else dice.choice((1, 1, 1, 2, 3))
            return Fault(at, "crash_at_start" if at_start else kind, target, point, times)
        case "crash_all":
            return Fault(at, kind, service, dice.choice(_under_load(service)), 1)
        case "stop_at":
            return Fault(at, kind, target, dice.choice(_under_load(service)), dice.uniform(0.5, 4))
        case "kill_some":
            others = [next(turns) for _ in range(dice.randint(1, 3))]
            return Fault(at, kind, "", " ".join(dict.fromkeys([target, *others])))
        case "fail":
            failure = dice.randrange(len(FAILURES))
            return Fault(at, kind, service, str(failure), dice.randint(1, 4))
    measure = {"freeze": dice.uniform(0.3, 2.5), "slow_mongo": 5.0, "repeat": dice.randint(3, 6)}
    return Fault(at, kind, target, "", measure.get(kind, 0.0))


def _under_load(service: str) -> list[str]:
    return [point for point in crash_points_of(service) if point not in _AT_START]


def _large(
    dice: Random, kind: str, instances: list[str], copies: int, seconds: float
) -> list[Fault]:
    at = dice.uniform(2.0, seconds * 0.7)
    if kind == "zombie":
        target = dice.choice(instances)
        frozen = LONG_FREEZE_S if copies > 1 else 3.0
        return [Fault(at, "freeze", target, "zombie", frozen)]
    if kind == "roll":
        service = dice.choice(SERVICES)
        ours = [each for each in instances if each.startswith(service)]
        return [Fault(at + 2 * n, "terminate", each, "roll") for n, each in enumerate(ours)]
    return [Fault(at, kind, "", "", 2.0)]


def _brokers(instances: int) -> list[str]:
    """Let every third calm kill hit a broker or the database."""
    return ["mongo", "kafka"] * max(1, instances // 4)


def seeds_of_this_commit(count: int, first: int = 0) -> list[int]:
    """Draw seeds from the commit's hash: the same for everybody, others with each commit.

    `first` leaves out as many: another part of the same row.
    """
    commit = _commit()
    return [
        int(hashlib.sha256(f"{commit} {number}".encode()).hexdigest()[:8], 16) % 10**6
        for number in range(first, first + count)
    ]


def _commit() -> str:
    known = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        ran = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=CLONE, env=known, capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return BASE_COMMIT
    return ran.stdout.strip()
