"""Watching a run from outside: how soon what died is back, and how much memory is used."""

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import psutil

from deploy.embedded.probes import ask_health
from tests.faults.checker.observed import Observed
from tests.faults.checker.watched import WatchLog
from tests.faults.injector import Death
from tests.faults.rig import Rig, process_of
from tests.faults.storm import SERVICES

__all__ = ["BROKERS", "Watch", "answered_again"]

BROKERS: Final = frozenset({"mongo", "kafka"})
_LOOK_S: Final = 0.1
_PROBE_S: Final = 1.0
_WEIGH_EVERY: Final = 20
_MEGABYTE: Final = 1024 * 1024
_JUST_NOW_S: Final = 0.02
"""The kernel counts a process's start in hundredths."""
_STARTED: Final = 19
"""In `/proc/<pid>/stat`, counted from behind the command's name."""
_OUT_OF_THE_WAY_MS: Final = 300
"""What was under way when a broker died may still land: an answer after that is one anew."""


@dataclass(slots=True)
class Watch:
    """Looks at every process while a run lasts, in a thread of its own, and writes down what it sees."""

    rig: Rig
    deaths: list[Death]
    """Filled by who strikes; read here."""
    log: WatchLog
    _back: set[int] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _seen: int = 0
    _down: dict[str, Death] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def has_seen_back(self, death: Death) -> bool:
        """Whether the successor of what died is ready."""
        return id(death) in self._back

    def is_up(self, who: str) -> bool:
        """Whether nothing died under this name that was not seen ready again."""
        return who not in self._down and all(
            death.who != who for death in self.deaths[self._seen :]
        )

    def wait_for_all(self, seconds: float) -> None:
        """Wait until the successor of each that died was seen ready."""
        until = time.monotonic() + seconds
        while self._down or self._seen < len(self.deaths):
            assert time.monotonic() < until, f"not back: {sorted(self._down)}"
            time.sleep(_LOOK_S)

    def _run(self) -> None:
        rounds = 0
        while not self._stop.wait(_LOOK_S):
            for death in self.deaths[self._seen :]:
                if death.who not in BROKERS:
                    self.log.died(death.who, death.at, death.kind, death.where)
                    self._down[death.who] = death
                self._seen += 1
            if self._down:
                self._look()
            if rounds % _WEIGH_EVERY == 0:
                self._weigh()
            rounds += 1

    def _look(self) -> None:
        """Ask successors whether they are ready; what died may seem to answer for a moment."""
        pids = self.rig.pids()
        for who, death in list(self._down.items()):
            pid = pids.get(process_of(who))
            if pid is None or not _began_after(pid, death.at):
                continue
            if ask_health(self.rig.url(who), _PROBE_S).state == "ready":
                self.log.back(who, time.time(), death.at)
                self._back.add(id(death))
                del self._down[who]

    def _weigh(self) -> None:
        for name, pid in self.rig.pids().items():
            if name.partition("-")[0] in SERVICES:
                try:
                    megabytes = psutil.Process(pid).memory_info().rss / _MEGABYTE
                except psutil.Error:
                    continue
                self.log.memory(name, time.time(), megabytes)


def _began_after(pid: int, at: float) -> bool:
    """Whether a process began after a moment of the wall clock, by the kernel's own clock."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return False
    began = int(fields[_STARTED]) / os.sysconf("SC_CLK_TCK")
    up = time.clock_gettime(time.CLOCK_BOOTTIME)
    return began > up - (time.time() - at) - _JUST_NOW_S


def answered_again(deaths: Iterable[Death], observed: Observed) -> list[tuple[Death, float]]:
    """How long partners were without an answer after broker or database died: to the next receipt."""
    answers = sorted(
        record.at_ms for record in observed.records if record.topic.endswith(".replies")
    )
    found = []
    for death in deaths:
        if death.who in BROKERS:
            since = death.at * 1000
            after = next((at for at in answers if at > since + _OUT_OF_THE_WAY_MS), None)
            if after is not None:
                found.append((death, (after - since) / 1000))
    return found
