"""Collectors of present values, read when `/metrics` is requested: there is no loop, no stale value.

Values of workers are in memory. The database is queried for `_LOOK_S` at most. If it does not answer,
its values are left out.
"""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pymongo.errors import PyMongoError

from shared.engine import ParkingLot, Store, Subscription
from shared.engine.consume.partition_worker import PartitionWorker
from shared.engine.store.parked_rows import WAITING
from shared.observability.metrics import topic_label
from shared.runtime import restart_counter
from shared.runtime.settings import ServiceSettings

__all__ = ["Watched", "exposed"]

_LOOK_S: Final = 1.0
_WAITING_CASES: Final = 500
_AGE: Final = {"$divide": [{"$subtract": ["$$NOW", {"$toDate": "$at"}]}, 1_000]}


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The parts of a process whose values are collected."""

    settings: ServiceSettings
    store: Store
    parking_lot: ParkingLot
    subscriptions: Iterable[Subscription]
    ready: bool

    @property
    def workers(self) -> list[PartitionWorker]:
        """The workers of this process."""
        return [worker for each in self.subscriptions for worker in each.workers.values()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Values of the database."""

    outbox: int
    outbox_oldest_s: float
    parked: int
    gaps: int
    gap_oldest_s: float


_STORED: Final = (
    ("outbox_documents", "outbox", "Documents with messages that wait to be published"),
    ("outbox_oldest_seconds", "outbox_oldest_s", "Waiting time of the oldest of them"),
    ("parked_events", "parked", "Events and records that are parked until an operator acts"),
    ("gaps_held_events", "gaps", "Events that wait for a missing earlier event"),
    ("gap_oldest_seconds", "gap_oldest_s", "Waiting time of the oldest of them"),
)


async def exposed(watched: Watched) -> bytes:
    """Return all metrics of the process in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Moment(watched, await _stored(watched.store, watched.parking_lot)))
    return generate_latest() + generate_latest(registry)


async def _stored(store: Store, parking_lot: ParkingLot) -> Stored | None:
    try:
        async with asyncio.timeout(_LOOK_S):
            outbox, parked, oldest, (gaps, gap_oldest) = await asyncio.gather(
                store.db.outbox.estimated_document_count(),
                parking_lot.count(),
                _oldest(store),
                _gaps(store),
            )
    except (PyMongoError, TimeoutError):
        return None
    return Stored(
        outbox=outbox, parked=parked, outbox_oldest_s=oldest, gaps=gaps, gap_oldest_s=gap_oldest
    )


async def _oldest(store: Store) -> float:
    """Return the age of the oldest outbox document in seconds, by mongod's clock."""
    steps: list[dict[str, Any]] = [
        {"$sort": {"at": 1}},
        {"$limit": 1},
        {"$project": {"age": _AGE}},
    ]
    found = await (await store.db.outbox.aggregate(steps)).to_list()
    return max(0.0, float(found[0]["age"])) if found else 0.0


async def _gaps(store: Store) -> tuple[int, float]:
    """Return how many events wait for a missing one, and for how many seconds. Parked cases are left out."""
    waiting = store.db[store.cases].find(
        {"protocol.waiting": True, "protocol.parked": None}, {"_id": 1}
    )
    cases = [case["_id"] for case in await waiting.limit(_WAITING_CASES).to_list()]
    if not cases:
        return 0, 0.0
    steps: list[dict[str, Any]] = [
        {"$match": {"case_id": {"$in": cases}, "state": WAITING}},
        {"$group": {"_id": None, "events": {"$sum": 1}, "age": {"$max": _AGE}}},
    ]
    found = await (await store.db.parked.aggregate(steps)).to_list()
    return (found[0]["events"], max(0.0, found[0]["age"])) if found else (0, 0.0)


class _Moment(Collector):
    """The present values, as metric families."""

    def __init__(self, watched: Watched, stored: Stored | None) -> None:
        self._watched = watched
        self._stored = stored

    def collect(self) -> Iterator[Metric]:
        """Yield every family. A family without a known value has no sample."""
        yield from self._partitions()
        yield from self._process()
        yield from self._of_store()

    def _partitions(self) -> Iterator[Metric]:
        where = ["topic", "partition"]
        lag = GaugeMetricFamily(
            "samraad_lag_events", "Events that are not processed yet", labels=where
        )
        delay = GaugeMetricFamily(
            "samraad_delay_seconds",
            "Upper limit of the waiting time of the oldest of them",
            labels=where,
        )
        lags: dict[tuple[str, str], int] = {}
        delays: dict[tuple[str, str], float] = {}
        for worker in self._watched.workers:
            place = topic_label(worker.log.topic), str(worker.log.partition)
            lags[place] = lags.get(place, 0) + worker.lag
            delays[place] = max(delays.get(place, 0.0), worker.delay_s)
        for place, events in lags.items():
            lag.add_metric(place, events)
            delay.add_metric(place, delays[place])
        yield lag
        yield delay

    def _process(self) -> Iterator[Metric]:
        watched = self._watched
        yield GaugeMetricFamily(
            "samraad_ready", "1 when the process is ready, 0 while it starts", float(watched.ready)
        )
        yield GaugeMetricFamily(
            "samraad_halted_partitions",
            "Partitions that are halted until an operator acts",
            sum(worker.halted is not None for worker in watched.workers),
        )
        yield GaugeMetricFamily(
            "samraad_waiting_partitions",
            "Partitions that wait and retry automatically",
            sum(worker.retries.waiting is not None for worker in watched.workers),
        )
        yield GaugeMetricFamily(
            "samraad_broker_silent_seconds",
            "Time since the broker last answered",
            max((each.silent_s for each in watched.subscriptions), default=0.0),
        )
        file = watched.settings.restart_counts
        for tally, name, what in (
            (
                restart_counter.restarts(file),
                "samraad_restarts",
                "restarted after an unexpected end",
            ),
            (restart_counter.endings(file), "samraad_watchdog_endings", "ended by its watchdog"),
        ):
            yield CounterMetricFamily(name, f"Times that the process was {what}", tally.read()[0])
            yield GaugeMetricFamily(
                f"{name}_last_hour",
                f"Times within the last hour that the process was {what}",
                tally.within(restart_counter.HOUR_S),
            )

    def _of_store(self) -> Iterator[Metric]:
        stored = self._stored
        yield GaugeMetricFamily(
            "samraad_database_answers",
            "1 when the database answers within a second, else 0",
            float(stored is not None),
        )
        for name, field, what in _STORED:
            family = GaugeMetricFamily(f"samraad_{name}", what)
            if stored is not None:
                family.add_metric([], getattr(stored, field))
            yield family
