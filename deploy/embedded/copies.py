"""The state of each process: from the supervisor, the machine and the process itself."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import psutil

from deploy import alarms
from deploy.embedded import credentials, probes
from deploy.embedded.ports import service_of
from deploy.embedded.programs import service_url
from deploy.embedded.stack import Stack
from deploy.embedded.supervision import Seen
from shared.runtime import restart_counter

__all__ = ["Copy", "firing_alarms", "look", "of_service"]

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Copy:
    """One process of a service."""

    name: str
    service: str
    pid: int | None
    """None while there is no living process."""
    health: probes.Health
    figures: probes.Figures | None
    """None where it does not answer."""
    rss_mb: int
    restarts: int
    """Starts that nobody asked for, since the supervisor was started."""

    def figure(self, name: str) -> float | None:
        """Return the sum of a figure's samples; None where it is not known."""
        values = (self.figures or {}).get(name)
        return sum(values) if values else None

    @property
    def last_step(self) -> datetime | None:
        """When it last committed or published something."""
        at = self.figure("samraad_last_step_timestamp_seconds")
        return datetime.fromtimestamp(at, UTC) if at else None

    @property
    def judged(self) -> probes.Figures:
        """The figures that alarms look at; a process that does not answer is not up."""
        if self.figures is None:
            return {alarms.UP: [0.0]}
        return {**self.figures, alarms.UP: [1.0]}

    def as_document(self) -> dict[str, Any]:
        """As programs read it; null where the process does not answer."""
        last_step = self.last_step
        oldest = self.figure("samraad_outbox_oldest_seconds")
        return {
            "pid": self.pid,
            "rss_mb": self.rss_mb,
            "name": self.name,
            "state": self.health.state,
            "lag": self.health.lag,
            "outbox_oldest_s": None if oldest is None else round(oldest, 1),
            "parked": self.health.parked,
            "halts": _whole(self.figure("samraad_halted_partitions")),
            "restarts": self.restarts,
            "last_step": last_step.isoformat(timespec="seconds").replace("+00:00", "Z")
            if last_step
            else None,
        }


def look(stack: Stack, seen: Iterable[Seen]) -> list[Copy]:
    """Look at all processes of services side by side."""
    processes = [one for one in seen if service_of(one.name) in credentials.SERVICES]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda one: _look_at(stack, one), processes))


def of_service(copies: Iterable[Copy], service: str) -> list[Copy]:
    """Return the processes of one service."""
    return [copy for copy in copies if copy.service == service]


def firing_alarms(copies: Sequence[Copy]) -> list[alarms.FiringAlarm]:
    """Return the firing alarms, service by service."""
    return [
        alarm
        for service in dict.fromkeys(copy.service for copy in copies)
        for alarm in alarms.firing(service, [copy.judged for copy in of_service(copies, service)])
    ]


def _look_at(stack: Stack, seen: Seen) -> Copy:
    health, figures = probes.Health(state="stopped"), None
    if seen.runs:
        url = service_url(stack.ports, seen.name)
        health = probes.ask_health(url)
        figures = probes.read_figures(url)
        if health.state == "starting" and (figures or {}).get("samraad_ready") == [1.0]:
            health = replace(health, state="degraded")  # it runs, but does not answer
    return Copy(
        name=seen.name,
        service=service_of(seen.name),
        pid=seen.pid if seen.runs else None,
        health=health,
        figures=figures,
        rss_mb=_megabytes(seen.pid) if seen.runs else 0,
        restarts=restart_counter.restarts(stack.home.restart_counts / seen.name).read()[0],
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _megabytes(pid: int) -> int:
    try:
        return round(psutil.Process(pid).memory_info().rss / MEGABYTE)
    except psutil.Error:
        return 0
