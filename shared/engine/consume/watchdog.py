"""The watchdog: it ends a process that has work and makes no progress, so that it is started again.

Two kinds of workers may wait: a halted one, and one that waits for a broker or a database that is
down. The worker cannot tell the latter by itself, because its own client may be broken. So a health
probe asks with new connections, again and again while the worker waits.

Under load a worker may wait long for its turn, or for memory. While the process makes progress it
gets more time, up to a limit.
"""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Final

from shared.engine.consume.health_probe import HealthProbe
from shared.engine.consume.partition_worker import PartitionWorker
from shared.engine.limits.memory_budget import Pool

__all__ = ["STUCK_S", "Watchdog"]

STUCK_S: Final = 30.0
"""After so long without progress the worker rewinds; after twice as long the process ends."""
_UNDER_PRESSURE: Final = 10
"""How many times longer it may take while other workers of the process make progress."""


class Watchdog:
    """Watches the workers of one subscription."""

    def __init__(
        self,
        group: str,
        workers: Mapping[Any, PartitionWorker],
        *,
        pool: Pool,
        health_probe: HealthProbe,
        end: Callable[[str], None],
    ) -> None:
        self.health_probe = health_probe
        self.end = end
        self._group = group
        self._workers = workers
        self._pool = pool
        self._heard_at = monotonic()
        self._probe_succeeded = False

    @property
    def silent_s(self) -> float:
        """Seconds since the broker last answered."""
        return monotonic() - self._heard_at

    def heard(self) -> None:
        """Note that the broker answered our own client."""
        self._heard_at, self._probe_succeeded = monotonic(), False

    async def look(self) -> None:
        """Check each worker. Its log end is up to date."""
        now = monotonic()
        for worker in self._workers.values():
            if worker.halted or worker.retries.is_outage or not worker.has_work:
                worker.progress.moved_at = now
        late = [
            worker for worker in self._workers.values() if now - worker.progress.moved_at > STUCK_S
        ]
        waiting = [worker for worker in late if worker.retries.failing]
        topics = {worker.log.topic for worker in waiting}
        if waiting and not await self.health_probe.is_answered(topics):
            for worker in waiting:  # the probe confirms the outage, until it is asked again
                worker.progress.moved()
        pressed = now - self._pool.full_at < STUCK_S and now - self._pool.moved_at < STUCK_S
        for worker in late:
            self._judge(worker, monotonic() - worker.progress.moved_at, pressed=pressed)

    def _judge(self, worker: PartitionWorker, stuck_s: float, *, pressed: bool) -> None:
        failing = worker.retries.failing
        in_line = worker.progress.is_in_line and monotonic() - self._pool.moved_at < STUCK_S
        patience = STUCK_S * 2 * (_UNDER_PRESSURE if (pressed or in_line) else 1)
        if stuck_s > patience:
            why = f" ({failing}, but others are answered)" if failing else ""
            self.end(f"{worker.name} has events to take and does not move{why}")
        elif stuck_s > STUCK_S and not (pressed or in_line or failing):
            worker.rewind()

    async def end_if_silent(self) -> None:
        """End the process if its client gets no answer for a minute while the probe does, twice.

        After a broker's crash the client may wait for answers that never come. Its workers then
        wait as if the broker were down. A broker that is really down ends no process.
        """
        if monotonic() - self._heard_at < 2 * STUCK_S:
            return
        topics = {worker.log.topic for worker in self._workers.values()}
        answered = await self.health_probe.broker_answers(topics)
        if answered and self._probe_succeeded:
            self.end(f"{self._group} hears nothing from a broker that answers others")
        self._probe_succeeded = answered
