"""Injecting the faults of a plan: kills, stops, delays and failed commands, each at its moment."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Final

from tests.faults.plan import FAILURES, Fault
from tests.faults.rig import Rig, process_of

__all__ = ["Death", "FaultInjector"]

_NAP_S: Final = 0.45
_BETWEEN_NAPS_S: Final = 0.05
_LOOK_S: Final = 0.05
_MOST_ARMED: Final = 3
_WAIT_S, _WAITS = 1.0, 6
_ON_THE_LIVING: Final = frozenset({"kill", "terminate", "freeze", "crash_at_start"})
"""Faults that wait a little for a process that is not up again from the last one."""


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
class FaultInjector:
    """The faults of one seed, and what became of each."""

    rig: Rig
    repeat: Callable[[int], int]
    """Publishes facts of a topic once more; returns how many."""
    deaths: list[Death] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    armed: dict[str, list[Fault]] = field(default_factory=dict)
    """At which points an instance is to die or to stop, the next one first."""
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

    def carry_out(self, faults: list[Fault]) -> None:
        """Inject each fault at its moment; returns when the last one has had its time."""
        self._began = time.monotonic()
        for fault in faults:
            self._at(fault.at_s, lambda fault=fault: self._strike(fault))  # type: ignore[misc]
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
        for instance, faults in list(self.armed.items()):
            plan = self.rig.crash_plans / instance
            lines = plan.read_text().splitlines() if plan.exists() else []
            for fault in faults[: max(0, len(faults) - len(lines))]:
                at = plan.stat().st_mtime if plan.exists() else time.time()
                self._gone_off(instance, fault, at)
            self.armed[instance] = faults[len(faults) - min(len(faults), len(lines)) :]

    def _gone_off(self, instance: str, fault: Fault, at: float) -> None:
        self.last_at = max(self.last_at, at)
        if fault.kind == "stop_at":
            self.done["stop_at"] += 1
            process = process_of(instance)
            if (pid := self.rig.pids().get(process)) is not None:
                self._at(self._now + fault.number, lambda: self._wake(process, pid))
        else:
            self.deaths.append(Death(at, instance, "crash", fault.how))
            self.done["crash"] += 1

    def disarm(self) -> None:
        """Leave nobody armed, frozen or lied to."""
        self.look_for_crashes()
        for instance, faults in self.armed.items():
            (self.rig.crash_plans / instance).unlink(missing_ok=True)
            self.unreached += [fault.how for fault in faults]
        self.armed.clear()
        self.rig.wake_all()
        self.rig.command_mongo({"configureFailPoint": "failCommand", "mode": "off"})

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    def _at(self, when: float, act: Callable[[], None]) -> None:
        heappush(self._next, (when, next(self._turn), act))

    def _strike(self, fault: Fault, waited: int = 0) -> None:
        if fault.kind in _ON_THE_LIVING and waited < _WAITS and not self.is_up(fault.target):
            self._at(self._now + _WAIT_S, lambda: self._strike(fault, waited + 1))
            return
        acts: dict[str, Callable[[Fault], object]] = {
            "crash": self._arm,
            "crash_at_start": self._arm,
            "crash_all": self._arm_all,
            "stop_at": self._arm,
            "kill": lambda fault: self.kill(fault.target),
            "kill_some": self._kill_some,
            "kill_mongo": lambda _: self.kill("mongo"),
            "kill_kafka": lambda _: self.kill("kafka"),
            "terminate": self._terminate,
            "freeze": lambda fault: self._freeze(
                process_of(fault.target), fault.number, fault.how or "freeze"
            ),
            "freeze_kafka": lambda fault: self._freeze("kafka", fault.number, "freeze_kafka"),
            "slow_mongo": self._slow_mongo,
            "step_down": self._step_down,
            "fail": self._fail,
            "repeat": self._write_again,
        }
        acts[fault.kind](fault)

    def _arm(self, fault: Fault) -> None:
        """Add a point to those at which an instance dies: one in each of its lives."""
        self.look_for_crashes()
        known = self.armed.setdefault(fault.target, [])
        if len(known) >= _MOST_ARMED:
            self.unreached.append(fault.how)
            return
        known.append(fault)
        self.rig.arm(fault.target, [_line(each) for each in known])
        if fault.kind == "crash_at_start":
            self.kill(fault.target)

    def _arm_all(self, fault: Fault) -> None:
        """Let every copy of a service die at one point: who comes to it first, and then its heir."""
        for instance in self.rig.copies_of(fault.target):
            self._arm(Fault(fault.at_s, "crash", instance, fault.how, fault.number))

    def kill(self, name: str, kind: str = "kill") -> Death | None:
        """Kill what runs under a name now; None where nothing does."""
        if not self.rig.send_signal(process_of(name), signal.SIGKILL):
            return None
        death = Death(time.time(), name, kind)
        self.deaths.append(death)
        self.done[name if name in {"mongo", "kafka"} else "kill"] += 1
        return death

    def _kill_some(self, fault: Fault) -> None:
        """Kill several processes in one moment."""
        for name in fault.how.split():
            self.kill(name)
        self.done["kill_some"] += 1

    def _terminate(self, fault: Fault) -> None:
        if self.rig.send_signal(process_of(fault.target), signal.SIGTERM):
            self.deaths.append(Death(time.time(), fault.target, "terminate"))
            self.done[fault.how or "terminate"] += 1

    def _slow_mongo(self, fault: Fault) -> None:
        for nap in range(int(fault.number)):
            due = self._now + nap * (_NAP_S + _BETWEEN_NAPS_S)
            self._at(due, lambda: self._freeze("mongo", _NAP_S, "slow_mongo"))

    def _step_down(self, _: Fault) -> None:
        stepped = {"replSetStepDown": 2, "secondaryCatchUpPeriodSecs": 0, "force": True}
        self._do_aside("step_down", lambda: self.rig.command_mongo(stepped))

    def _write_again(self, fault: Fault) -> None:
        self._do_aside("repeat", lambda: self.repeat(int(fault.number)))

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

    def _fail(self, fault: Fault) -> None:
        failure = {"appName": fault.target, **FAILURES[int(fault.how)]}
        on = {
            "configureFailPoint": "failCommand",
            "mode": {"times": int(fault.number)},
            "data": failure,
        }
        self._do_aside("fail", lambda: self.rig.command_mongo(on))


def _line(fault: Fault) -> str:
    if fault.kind == "stop_at":
        return f"{fault.how}:1:stop"
    return f"{fault.how}:{int(fault.number)}"
