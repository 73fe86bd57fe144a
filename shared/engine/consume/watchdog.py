"""The watchdog: a process that has work and does not move is ended, so that another begins anew.

A pause that was declared is left alone: a worker that stands still for a person (a halt), and one that
waits for a broker or a database that is away. That it is away is not taken from the worker, whose own
client may be what broke: a health probe is asked, again and again for as long as the pause lasts.

Under pressure a worker may wait long for its turn, or for room. As long as the process moves, it gets
more time, though not for ever.
"""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Final

from shared.engine.consume.health_probe import HealthProbe
from shared.engine.consume.partition_worker import PartitionWorker
from shared.engine.limits.memory_budget import Pool

__all__ = ["STUCK_S", "Watchdog"]

STUCK_S: Final = 30.0
"""After so long without movement the position is read again; after twice as long it is over."""
_UNDER_PRESSURE: Final = 10
"""How many times as long it may last while other workers of the process move."""


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
        self._others_are_answered = False

    @property
    def silent_s(self) -> float:
        """Seconds since the broker last answered."""
        return monotonic() - self._heard_at

    def heard(self) -> None:
        """Note that the broker answered our own client."""
        self._heard_at, self._others_are_answered = monotonic(), False

    async def look(self) -> None:
        """Look at each worker, whose log's end was just asked for."""
        now = monotonic()
        for worker in self._workers.values():
            if worker.halted or worker.declared or not worker.has_work:
                worker.moved_at = now
        late = [worker for worker in self._workers.values() if now - worker.moved_at > STUCK_S]
        waiting = [worker for worker in late if worker.failing]
        topics = {worker.log.topic for worker in waiting}
        if waiting and not await self.health_probe.is_answered(topics):
            for worker in waiting:  # declared, and confirmed by another: until it is asked again
                worker.moved_at = monotonic()
        pressed = now - self._pool.full_at < STUCK_S and now - self._pool.moved_at < STUCK_S
        for worker in late:
            self._judge(worker, monotonic() - worker.moved_at, pressed=pressed)

    def _judge(self, worker: PartitionWorker, still_for: float, *, pressed: bool) -> None:
        in_line = worker.in_line and monotonic() - self._pool.moved_at < STUCK_S
        patience = STUCK_S * 2 * (_UNDER_PRESSURE if (pressed or in_line) else 1)
        if still_for > patience:
            why = f" ({worker.failing}, but others are answered)" if worker.failing else ""
            self.end(f"{worker.name} has events to take and does not move{why}")
        elif still_for > STUCK_S and not (pressed or in_line or worker.failing):
            worker.rewind()

    async def end_if_deaf(self) -> None:
        """End a client that hears nothing for a minute while the broker answers others, twice.

        After a broker's death it may wait for answers that never come, and so would its workers,
        which look as if the broker were away. A broker that is away ends nobody.
        """
        if monotonic() - self._heard_at < 2 * STUCK_S:
            return
        topics = {worker.log.topic for worker in self._workers.values()}
        answered = await self.health_probe.broker_answers(topics)
        if answered and self._others_are_answered:
            self.end(f"{self._group} hears nothing from a broker that answers others")
        self._others_are_answered = answered
