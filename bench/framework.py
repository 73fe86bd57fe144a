"""The cost from the client library to a batch: subscription and worker, without a store."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Final

from bench.pipeline import SAMRAAD, bare_consumer, decide, service
from bench.running import (
    Contender,
    Figures,
    Findings,
    Meter,
    RunSize,
    Subject,
    Target,
    by_turns,
    row_of,
    until,
)
from bench.world import PARTITIONS, World, fact_of
from shared.engine import Record, Unit
from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.offset_store import Watermark

__all__ = ["subject"]

_TIMES: Final = 2
"""It is fast: more events make a run long enough."""


async def bare(world: World, events: int) -> Figures:
    """Call getmany and discard the result."""
    async with bare_consumer(world) as consumer:
        meter, taken = Meter(world), 0
        while taken < _TIMES * events:
            polled = await consumer.getmany(timeout_ms=20, max_records=500)
            taken += sum(len(records) for records in polled.values())
        return meter.figures(taken)


class _NoCommitter(BatchCommitter):
    """Accepts every batch and discards it."""

    taken = 0

    async def commit(self, mark: Watermark, records: Sequence[Record]) -> tuple[Watermark, Unit]:
        """Move the watermark in memory."""
        _NoCommitter.taken += len(records)
        return replace(mark, offset=records[-1].offset + 1), self.store.unit()


async def ours(world: World, events: int) -> Figures:
    """Run the subscription: its poll, workers, back-pressure and batches."""
    async with service(world, decide, _NoCommitter) as subscription:
        meter = Meter(world)
        subscription.start()
        await until(lambda: _NoCommitter.taken >= _TIMES * events)
        return meter.figures(_NoCommitter.taken)


CONTENDERS: Final = (
    Contender("bare getmany", bare, "Holds records; no guarantees."),
    Contender(
        SAMRAAD,
        ours,
        "Bounds memory by weighing every record; offsets without a gap or a repeat; batches of "
        "one partition, in order; returns to the watermark after any doubt.",
    ),
)


def _measure(world: World, size: RunSize) -> Findings:
    world.make_topic(world.topic, PARTITIONS)
    world.fill(world.topic, ((fact_of(number), 1) for number in range(_TIMES * size.events)))
    runs = by_turns(world, CONTENDERS, size, lambda world, _: world.empty("bench_ours"))
    costs = median(
        our.cpu_us - bare.cpu_us
        for our, bare in zip(runs[SAMRAAD], runs["bare getmany"], strict=True)
    )
    return Findings(
        [row_of(name, figures) for name, figures in runs.items()],
        [Target.at_most("framework CPU over bare getmany, µs an event", 5, round(costs, 2))],
        {each.name: each.promises for each in CONTENDERS},
    )


subject = Subject("The framework: from the broker to a batch, without processing it", _measure)
