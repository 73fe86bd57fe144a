"""Counters and log lines, the same in every service. Labels are ids, codes and times: no content.

Counters change once per batch, never once per event. Values of a moment (lag, ages, parked events)
are read when `/metrics` is requested: see `shared.runtime.collectors`. docs/metrics.md lists all.
"""

import collections
import logging
import sys
from collections.abc import Iterable
from time import time

import structlog
from prometheus_client import Counter, Gauge, Histogram

__all__ = [
    "batch_taken",
    "committed",
    "configure_logging",
    "deadline_failed",
    "deadlines_fired",
    "deadlines_waiting",
    "emitted",
    "fenced",
    "halted",
    "published",
    "skipped_undecodable",
    "topic_label",
]

_EVENTS = Counter("samraad_events_total", "Events that were processed", ["topic"])
_DUPLICATES = Counter("samraad_duplicates_dropped_total", "Repeats that were dropped", ["topic"])
_PARKED = Counter("samraad_parked_total", "Events that were parked", ["topic"])
_REFUSED = Counter(
    "samraad_records_refused_total",
    "Records that were parked whole: neither a case nor a reply address can be read",
    ["topic"],
)
_TOLD = Counter(
    "samraad_told_total", "Events and receipts that were committed to the outbox", ["type"]
)
_PUBLISHED = Counter("samraad_published_total", "Messages that the broker acknowledged", ["topic"])
_BATCH_EVENTS = Histogram(
    "samraad_slice_events", "Events in a batch", ["topic"], buckets=(1, 5, 20, 50, 100, 200, 500)
)
_BATCH_SECONDS = Histogram(
    "samraad_slice_seconds", "Time of a batch, with waiting and retries", ["topic"]
)
_TRANSACTION_SECONDS = Histogram(
    "samraad_transaction_seconds", "Time of a batch's committed transaction", ["topic"]
)
_FENCES = Counter(
    "samraad_fences_lost_total", "Times that another owner held the partition", ["topic"]
)
_HALTS = Counter("samraad_halts_total", "Times that a partition was halted", ["topic"])
_LAST_STEP = Gauge(
    "samraad_last_step_timestamp_seconds", "When something was last committed or published"
)


def topic_label(topic: str) -> str:
    """Return the label of a topic. All partners share one, because partners come and go."""
    return f"partner.*.{topic.rpartition('.')[2]}" if topic.startswith("partner.") else topic


def committed(
    topic: str, events: int, seconds: float, *, duplicates: int, parked: int, refused: int
) -> None:
    """Count a committed transaction of a batch, or of a part of one.

    Args:
        topic: the batch's.
        events: how many events it held.
        seconds: how long the transaction took.
        duplicates: events that were dropped as repeats.
        parked: events that were parked.
        refused: records that were set aside whole.

    """
    label = topic_label(topic)
    _EVENTS.labels(label).inc(events)
    _TRANSACTION_SECONDS.labels(label).observe(seconds)
    _LAST_STEP.set(time())
    if duplicates:
        _DUPLICATES.labels(label).inc(duplicates)
    if parked:
        _PARKED.labels(label).inc(parked)
    if refused:
        _REFUSED.labels(label).inc(refused)


def emitted(types: Iterable[str]) -> None:
    """Count the messages of a committed transaction by their types."""
    for type_, times in collections.Counter(types).items():
        _TOLD.labels(type_).inc(times)


def batch_taken(topic: str, events: int, seconds: float) -> None:
    """Count a completed batch."""
    label = topic_label(topic)
    _BATCH_EVENTS.labels(label).observe(events)
    _BATCH_SECONDS.labels(label).observe(seconds)


def skipped_undecodable(topic: str, records: int) -> None:
    """Count records that could not be decoded."""
    _REFUSED.labels(topic_label(topic)).inc(records)


def fenced(topic: str) -> None:
    """Count a partition that another owner has taken."""
    _FENCES.labels(topic_label(topic)).inc()


def halted(topic: str) -> None:
    """Count a halted partition."""
    _HALTS.labels(topic_label(topic)).inc()


def published(topic: str, messages: int) -> None:
    """Count messages that the broker acknowledged."""
    _PUBLISHED.labels(topic_label(topic)).inc(messages)
    _LAST_STEP.set(time())


_DEADLINES = Gauge(
    "samraad_deadlines",
    "Deadlines that are set: `waiting` counts all, `overdue` those that have passed without effect yet",
    ["what"],
)
_OLDEST_OVERDUE = Gauge(
    "samraad_deadline_oldest_overdue_seconds",
    "Time since the oldest overdue deadline passed",
)
_FIRED = Counter("samraad_deadlines_fired_total", "Deadlines that had their effect", ["name"])
_FAILED = Counter(
    "samraad_deadlines_failed_total",
    "Failed attempts at a deadline; they are retried",
    ["name"],
)


def deadlines_waiting(waiting: int, overdue: int, oldest_s: float) -> None:
    """Set how many deadlines the database holds, and the age of the oldest overdue one in seconds."""
    _DEADLINES.labels("waiting").set(waiting)
    _DEADLINES.labels("overdue").set(overdue)
    _OLDEST_OVERDUE.set(oldest_s)


def deadlines_fired(names: Iterable[str]) -> None:
    """Count fired deadlines, after their commit."""
    for name in names:
        _FIRED.labels(name).inc()


def deadline_failed(name: str) -> None:
    """Count a failed attempt at a deadline. The scheduler tries again."""
    _FAILED.labels(name).inc()


def configure_logging(service: str) -> None:
    """Write each log event as one JSON line to standard output; libraries log warnings and above."""
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
