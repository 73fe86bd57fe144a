"""Alarms, declared once: Prometheus, `samraad status` and the runbooks use this list.

Each rule compares one figure of a service (docs/metrics.md) with a limit, and has a page in
docs/runbooks with its meaning for the people in the cases and the steps to take. `deploy/alarms.yaml`
and the table of the runbooks are written from here: `samraad manifests write`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from deploy.embedded.credentials import SERVICES

__all__ = [
    "ALARMS",
    "FILE",
    "RUNBOOKS",
    "UP",
    "Alarm",
    "FiringAlarm",
    "firing",
    "rules_file",
    "table",
]

FILE: Final = Path(__file__).with_name("alarms.yaml")
RUNBOOKS: Final = "docs/runbooks"
UP: Final = "up"
"""Prometheus' own figure: 1 where a process answered when it was asked, else 0."""

_OVER: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "max": max,
    "min": min,
    "sum": sum,
}
_MINUTE: Final = 60
_HOUR: Final = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One rule. It fires when the figure of a service passes the limit."""

    name: str
    """Also the name of its page."""
    metric: str
    over: Literal["max", "min", "sum"]
    """How the figures of a service's processes and partitions become one."""
    above: float | None = None
    below: float | None = None
    hold: str = "0s"
    """How long the figure must pass the limit before Prometheus alerts."""
    urgency: Literal["now", "today"]
    """`now`: at any hour. `today`: in working hours."""
    only: str | None = None
    """The one service that it is about; every service by default."""
    text: str
    """For people, about a service: `{value}` is the figure in words."""
    means: str
    """What it means for the people in the cases."""

    @property
    def page(self) -> str:
        """The runbook of the alarm."""
        return f"{RUNBOOKS}/{self.name}.md"

    @property
    def expression(self) -> str:
        """The rule in PromQL; each service is scraped as a job of its name."""
        figure = self.metric
        if figure == UP:
            figure = f'{UP}{{job=~"{"|".join(SERVICES)}"}}'
        elif self.only is not None:
            figure = f'{self.metric}{{job="{self.only}"}}'
        limit = f"> {self.above:g}" if self.above is not None else f"< {self.below or 0:g}"
        return f"{self.over} by (job) ({figure}) {limit}"

    def judge(self, values: Sequence[float]) -> float | None:
        """Return the figure where it passes the limit; None where it does not, or is not known."""
        if not values:
            return None
        figure = _OVER[self.over](values)
        if self.above is not None:
            return figure if figure > self.above else None
        return figure if figure < (self.below or 0) else None


ALARMS: Final = (
    Alarm(
        name="absent",
        metric=UP,
        over="min",
        below=1,
        hold="1m",
        urgency="now",
        text="one of its processes does not answer",
        means="The work of this service waits, or its other processes do it. "
        "Nothing is lost: it continues where it stopped.",
    ),
    Alarm(
        name="database",
        metric="samraad_database_answers",
        over="min",
        below=1,
        hold="1m",
        urgency="now",
        text="its database does not answer",
        means="Nothing is accepted, decided or shown; reports wait safely on their topics.",
    ),
    Alarm(
        name="broker",
        metric="samraad_broker_silent_seconds",
        over="max",
        above=30,
        hold="30s",
        urgency="now",
        text="the broker has not answered it for {value}",
        means="Partners cannot send, and services receive no events; pages still work.",
    ),
    Alarm(
        name="halted",
        metric="samraad_halted_partitions",
        over="sum",
        above=0,
        urgency="now",
        text="{value} of its partitions are halted until an operator acts",
        means="Every case on such a partition waits, also the cases without a fault.",
    ),
    Alarm(
        name="behind",
        metric="samraad_delay_seconds",
        over="max",
        above=2 * _MINUTE,
        hold="1m",
        urgency="today",
        text="an event has waited for {value}",
        means="Cases are opened and notices arrive late; no deadline is moved by the delay.",
    ),
    Alarm(
        name="outbox",
        metric="samraad_outbox_oldest_seconds",
        over="max",
        above=_MINUTE,
        hold="1m",
        urgency="now",
        text="its oldest unpublished message has waited for {value}",
        means="Decisions are stored but not published: no receipt, no notice, no case at the "
        "next service.",
    ),
    Alarm(
        name="rights",
        metric="samraad_outbox_oldest_seconds",
        over="max",
        above=2,
        urgency="now",
        only="notify",
        text="its oldest message has waited for {value}",
        means="A right that was taken away, or a session that ended, may still count at the other "
        "services.",
    ),
    Alarm(
        name="gap",
        metric="samraad_gap_oldest_seconds",
        over="max",
        above=5 * _MINUTE,
        hold="1m",
        urgency="today",
        text="a case has waited for {value} for an event that is missing",
        means="Only that case makes no progress here; its later events are stored in order.",
    ),
    Alarm(
        name="deadlines",
        metric="samraad_deadline_oldest_overdue_seconds",
        over="max",
        above=2 * _MINUTE,
        hold="1m",
        urgency="today",
        text="a deadline passed {value} ago and has not had its effect",
        means="Nobody is reminded of overdue steps in that case, or in all cases of the service.",
    ),
    Alarm(
        name="parked",
        metric="samraad_parked_events",
        over="max",
        above=0,
        urgency="today",
        text="{value} of its events or records are parked",
        means="Each stops its own case, or leaves one letter unanswered, until an operator decides.",
    ),
    Alarm(
        name="restarting",
        metric="samraad_restarts_last_hour",
        over="max",
        above=3,
        urgency="today",
        text="one of its processes was restarted {value} times within the last hour",
        means="At each restart pages fail for a moment and work is repeated; no effect is duplicated.",
    ),
    Alarm(
        name="watchdog",
        metric="samraad_watchdog_endings_last_hour",
        over="max",
        above=0,
        urgency="today",
        text="one of its processes was ended {value} times by its watchdog within the last hour",
        means="It made no progress for a minute although it had events; their cases are late.",
    ),
)


@dataclass(frozen=True, slots=True)
class FiringAlarm:
    """An alarm that is firing for a service."""

    service: str
    alarm: Alarm
    value: float

    @property
    def sentence(self) -> str:
        """The alarm in one sentence, with its value."""
        return f"{self.service}: {self.alarm.text.format(value=self._in_words())}"

    def _in_words(self) -> str:
        if not self.alarm.metric.endswith("_seconds"):
            return f"{self.value:.0f}"
        if self.value < 2 * _MINUTE:
            return f"{self.value:.0f} s"
        if self.value < 2 * _HOUR:
            return f"{self.value / _MINUTE:.0f} min"
        return f"{self.value / _HOUR:.0f} h"


def firing(service: str, figures: Iterable[Mapping[str, Sequence[float]]]) -> list[FiringAlarm]:
    """Return the firing alarms of a service, from the figures of its processes by metric."""
    processes = list(figures)
    found = []
    for alarm in ALARMS:
        if alarm.only not in {None, service}:
            continue
        values = [value for each in processes for value in each.get(alarm.metric, ())]
        figure = alarm.judge(values)
        if figure is not None:
            found.append(FiringAlarm(service, alarm, figure))
    return found


def rules_file() -> str:
    """Write the rules as Prometheus reads them."""
    rules: list[dict[str, Any]] = [
        {
            "alert": f"Samraad{alarm.name.capitalize()}",
            "expr": alarm.expression,
            "for": alarm.hold,
            "labels": {"urgency": alarm.urgency},
            "annotations": {
                "summary": "{{ $labels.job }}: " + alarm.text.format(value=_VALUE[_unit(alarm)]),
                "description": alarm.means,
                "runbook": alarm.page,
            },
        }
        for alarm in ALARMS
    ]
    head = "# Written by `samraad manifests write` from deploy/alarms.py, which is where to change it.\n"
    document = {"groups": [{"name": "samraad", "rules": rules}]}
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


_VALUE: Final = {
    "seconds": "{{ $value | humanizeDuration }}",
    "number": '{{ $value | printf "%.0f" }}',
}


def _unit(alarm: Alarm) -> str:
    return "seconds" if alarm.metric.endswith("_seconds") else "number"


def table() -> list[str]:
    """Write the rows of the runbooks' table."""
    return [
        "| Alarm | Condition | Urgency | What it means for the people in the cases |",
        "|---|---|---|---|",
        *(_row(alarm) for alarm in ALARMS),
    ]


def _row(alarm: Alarm) -> str:
    hold = "" if alarm.hold == "0s" else f" for {alarm.hold}"
    when = f"`{alarm.expression.replace('|', chr(92) + '|')}`{hold}"
    return f"| [{alarm.name}]({alarm.name}.md) | {when} | {alarm.urgency} | {alarm.means} |"
