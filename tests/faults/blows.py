"""Carrying out what a plan says: who is killed, stopped, slowed down or lied to, and when."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Final

from tests.faults.plan import FAILURES, Blow
from tests.faults.rig import Rig, process_of

__all__ = ["Blows", "Death"]

_NAP_S: Final = 0.45
_BETWEEN_NAPS_S: Final = 0.05
_LOOK_S: Final = 0.05
_MOST_ARMED: Final = 3
_WAIT_S, _WAITS = 1.0, 6
_ON_THE_LIVING: Final = frozenset({"kill", "terminate", "freeze", "crash_at_start"})
"""Blows that wait a little for a process that is not up again from the last one."""


@dataclass(frozen=True, slots=True)
class Death:
    """A process that was killed."""

    at: float
    """By the wall clock, which is the broker's too."""
    who: str
    """`mediation-1`, `mongo` or `kafka`."""
    kind: str
    """`crash` at a named point, `kill` anywhere, `calm` alone at rest, `terminate` in good order."""
    where: str = ""


@dataclass(slots=True)
class Blows:
    """The blows of one seed, and what became of each."""

    rig: Rig
    repeat: Callable[[int], int]
    """Writes facts that stand on a topic once more; returns how many."""
    deaths: list[Death] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    armed: dict[str, list[Blow]] = field(default_factory=dict)
    """At which points an instance is to die or to stand still, the next one first."""
    is_up: Callable[[str], bool] = bool
    """Whether an instance is back from its last death."""
    unreached: list[str] = field(default_factory=list)
    last_at: float = 0.0
    _next: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _turn: Iterator[int] = field(default_factory=count)
    _began: float = 0.0
    _aside: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2))
    """Does what may wait for a broker: who is to wake it must not wait with it."""
    _doing: list[Future[None]] = field(default_factory=list)

    def carry_out(self, blows: list[Blow]) -> None:
        """Strike each blow at its moment; returns when the last one has had its time."""
        self._began = time.monotonic()
        for blow in blows:
            self._at(blow.at_s, lambda blow=blow: self._strike(blow))  # type: ignore[misc]
        while self._next:
            due, _, act = heappop(self._next)
            while (left := due - self._now) > 0:
                time.sleep(min(left, _LOOK_S))
                self.look_for_crashes()
            act()
            self.last_at = time.time()
        for each in self._doing:
            each.result()
        self.look_for_crashes()

    def look_for_crashes(self) -> None:
        """Notice which armed points have gone off: their lines are crossed out."""
        for instance, blows in list(self.armed.items()):
            plan = self.rig.crash_plans / instance
            lines = plan.read_text().splitlines() if plan.exists() else []
            for blow in blows[: max(0, len(blows) - len(lines))]:
                at = plan.stat().st_mtime if plan.exists() else time.time()
                self._gone_off(instance, blow, at)
            self.armed[instance] = blows[len(blows) - min(len(blows), len(lines)) :]

    def _gone_off(self, instance: str, blow: Blow, at: float) -> None:
        self.last_at = max(self.last_at, at)
        if blow.kind == "stop_at":
            self.done["stop_at"] += 1
            process = process_of(instance)
            if (pid := self.rig.pids().get(process)) is not None:
                self._at(self._now + blow.number, lambda: self._wake(process, pid))
        else:
            self.deaths.append(Death(at, instance, "crash", blow.how))
            self.done["crash"] += 1

    def disarm(self) -> None:
        """Leave nobody armed, frozen or lied to."""
        self.look_for_crashes()
        for instance, blows in self.armed.items():
            (self.rig.crash_plans / instance).unlink(missing_ok=True)
            self.unreached += [blow.how for blow in blows]
        self.armed.clear()
        self.rig.wake_all()
        self.rig.command_mongo({"configureFailPoint": "failCommand", "mode": "off"})

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    def _at(self, when: float, act: Callable[[], None]) -> None:
        heappush(self._next, (when, next(self._turn), act))

    def _strike(self, blow: Blow, waited: int = 0) -> None:
        if blow.kind in _ON_THE_LIVING and waited < _WAITS and not self.is_up(blow.target):
            self._at(self._now + _WAIT_S, lambda: self._strike(blow, waited + 1))
            return
        acts: dict[str, Callable[[Blow], object]] = {
            "crash": self._arm,
            "crash_at_start": self._arm,
            "crash_all": self._arm_all,
            "stop_at": self._arm,
            "kill": lambda blow: self.kill(blow.target),
            "kill_some": self._kill_some,
            "kill_mongo": lambda _: self.kill("mongo"),
            "kill_kafka": lambda _: self.kill("kafka"),
            "terminate": self._terminate,
            "freeze": lambda blow: self._freeze(
                process_of(blow.target), blow.number, blow.how or "freeze"
            ),
            "freeze_kafka": lambda blow: self._freeze("kafka", blow.number, "freeze_kafka"),
            "slow_mongo": self._slow_mongo,
            "step_down": self._step_down,
            "fail": self._fail,
            "repeat": self._write_again,
        }
        acts[blow.kind](blow)

    def _arm(self, blow: Blow) -> None:
        """Add a point to those at which an instance dies: one in each of its lives."""
        self.look_for_crashes()
        known = self.armed.setdefault(blow.target, [])
        if len(known) >= _MOST_ARMED:
            self.unreached.append(blow.how)
            return
        known.append(blow)
        self.rig.arm(blow.target, [_line(each) for each in known])
        if blow.kind == "crash_at_start":
            self.kill(blow.target)

    def _arm_all(self, blow: Blow) -> None:
        """Let every copy of a service die at one point: who comes to it first, and then its heir."""
        for instance in self.rig.copies_of(blow.target):
            self._arm(Blow(blow.at_s, "crash", instance, blow.how, blow.number))

    def kill(self, name: str, kind: str = "kill") -> Death | None:
        """Kill what runs under a name now; None where nothing does."""
        if not self.rig.send_signal(process_of(name), signal.SIGKILL):
            return None
        death = Death(time.time(), name, kind)
        self.deaths.append(death)
        self.done[name if name in {"mongo", "kafka"} else "kill"] += 1
        return death

    def _kill_some(self, blow: Blow) -> None:
        """Kill several processes in one moment."""
        for name in blow.how.split():
            self.kill(name)
        self.done["kill_some"] += 1

    def _terminate(self, blow: Blow) -> None:
        if self.rig.send_signal(process_of(blow.target), signal.SIGTERM):
            self.deaths.append(Death(time.time(), blow.target, "terminate"))
            self.done[blow.how or "terminate"] += 1

    def _slow_mongo(self, blow: Blow) -> None:
        for nap in range(int(blow.number)):
            due = self._now + nap * (_NAP_S + _BETWEEN_NAPS_S)
            self._at(due, lambda: self._freeze("mongo", _NAP_S, "slow_mongo"))

    def _step_down(self, _: Blow) -> None:
        stepped = {"replSetStepDown": 2, "secondaryCatchUpPeriodSecs": 0, "force": True}
        self._do_aside("step_down", lambda: self.rig.command_mongo(stepped))

    def _write_again(self, blow: Blow) -> None:
        self._do_aside("repeat", lambda: self.repeat(int(blow.number)))

    def _do_aside(self, what: str, act: Callable[[], int]) -> None:
        def do() -> None:
            self.done[what] += act()

        self._doing.append(self._aside.submit(do))

    def _freeze(self, process: str, seconds: float, what: str) -> None:
        pid = self.rig.send_signal(process, signal.SIGSTOP)
        if pid is None:
            return
        self.done[what] += 1
        self._at(self._now + seconds, lambda: self._wake(process, pid))

    def _wake(self, process: str, pid: int) -> None:
        if self.rig.pids().get(process) == pid:
            self.rig.send_signal(process, signal.SIGCONT)

    def _fail(self, blow: Blow) -> None:
        failure = {"appName": blow.target, **FAILURES[int(blow.how)]}
        on = {
            "configureFailPoint": "failCommand",
            "mode": {"times": int(blow.number)},
            "data": failure,
        }
        self._do_aside("fail", lambda: self.rig.command_mongo(on))


def _line(blow: Blow) -> str:
    if blow.kind == "stop_at":
        return f"{blow.how}:1:stop"
    return f"{blow.how}:{int(blow.number)}"
