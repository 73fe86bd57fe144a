"""Figures and log lines, the same in every service. No bodies, no persons: ids, codes and times."""

import logging
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from shared.engine.unit import Unit

__all__ = [
    "BACKLOG",
    "configure_logging",
    "deadline_failed",
    "deadlines_fired",
    "deadlines_waiting",
    "published",
    "slice_committed",
]

_EVENTS = Counter("samraad_events_total", "Events that had their effect", ["topic"])
_DUPLICATES = Counter("samraad_duplicates_dropped_total", "Repeats that were dropped", ["topic"])
_PARKED = Counter("samraad_parked_total", "Events that were parked", ["topic"])
_SLICE_EVENTS = Histogram(
    "samraad_slice_events", "Events in a slice", ["topic"], buckets=(1, 5, 20, 50, 100, 200, 500)
)
_SLICE_SECONDS = Histogram("samraad_slice_seconds", "Time that a slice took", ["topic"])
_PUBLISHED = Counter("samraad_published_total", "Messages that the relay published", ["topic"])
BACKLOG = Gauge("samraad_backlog", "What waits here now", ["what"])
"""`what` is lag (events), outbox (documents) or parked (events)."""


def slice_committed(topic: str, events: int, seconds: float, unit: "Unit") -> None:
    """Count a slice that was committed."""
    label = "partner reports" if topic.startswith("partner.") else topic
    _EVENTS.labels(label).inc(events)
    _DUPLICATES.labels(label).inc(unit.duplicates)
    _PARKED.labels(label).inc(len(unit.failures))
    _SLICE_EVENTS.labels(label).observe(events)
    _SLICE_SECONDS.labels(label).observe(seconds)


def published(topic: str, messages: int) -> None:
    """Count messages that the broker acknowledged."""
    label = "partner replies" if topic.startswith("partner.") else topic
    _PUBLISHED.labels(label).inc(messages)


_DEADLINES = Gauge("samraad_deadlines", "Deadlines that are set", ["what"])
"""`what` is waiting (all that are set) or overdue (passed, and not fired yet)."""
_OLDEST_OVERDUE = Gauge(
    "samraad_deadline_oldest_overdue_seconds", "How long ago the oldest deadline not fired passed"
)
_FIRED = Counter("samraad_deadlines_fired_total", "Deadlines that had their effect", ["name"])
_FAILED = Counter("samraad_deadlines_failed_total", "Attempts that failed; tried again", ["name"])


def deadlines_waiting(waiting: int, overdue: int, oldest_s: float) -> None:
    """Say how many deadlines the database holds, and how late the ticker is, in seconds."""
    _DEADLINES.labels("waiting").set(waiting)
    _DEADLINES.labels("overdue").set(overdue)
    _OLDEST_OVERDUE.set(oldest_s)


def deadlines_fired(names: Iterable[str]) -> None:
    """Count deadlines whose effect was committed."""
    for name in names:
        _FIRED.labels(name).inc()


def deadline_failed(name: str) -> None:
    """Count an attempt that failed; it is made again."""
    _FAILED.labels(name).inc()


def configure_logging(service: str) -> None:
    """Write one JSON line for each event to standard output; libraries from warnings up."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    structlog.contextvars.bind_contextvars(service=service)
