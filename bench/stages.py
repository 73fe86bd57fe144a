"""An event's CPU time by stage: the process is sampled every millisecond.

A service and its relay run as they do in production; a timer of the process's CPU time looks at the
stack, and the innermost frame that belongs to a stage names it.
"""

import asyncio
import io
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any, Final

from prometheus_client import REGISTRY
from pymongo import AsyncMongoClient
from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from bench import page
from bench.pipeline import decide, service
from bench.running import Figures, Findings, Meter, RunSize, Subject, run_alone, until
from bench.world import FOLLOWED_TOPIC, PARTITIONS, World, fact_of
from shared.engine import Store
from shared.engine.outbox.relay import Relay

__all__ = ["subject"]

_EVERY_S: Final = 0.001
_PICTURE: Final = page.DOCS / "bench-stages.svg"
STAGES: Final = {
    "fetch": "from the broker's bytes to records in a worker",
    "decode": "envelope and model",
    "load": "the batch's cases, in one query",
    "decide": "order, rule, documents to write",
    "encode": "documents and messages to bytes",
    "commit": "statements and transaction",
    "relay": "outbox to acknowledged records",
    "loop": "event loop, garbage collector, the rest",
}
_BY_FILE: Final = (
    ("shared/engine/outbox/", "relay"),
    ("aiokafka/producer", "relay"),
    ("shared/engine/consume/inbox.py:Inbox.prepare", "decode"),
    ("shared/engine/consume/inbox.py:read_arrival", "decode"),
    ("shared/engine/consume/inbox.py:_body", "decode"),
    ("shared/engine/consume/inbox.py", "decide"),
    ("shared/engine/consume/batch.py:BatchCommitter.take", "decide"),
    ("shared/engine/store/store.py:Store.load", "load"),
    ("shared/engine/store/reads.py", "load"),
    ("shared/engine/consume/batch.py:BatchCommitter._load", "load"),
    ("bson/", "encode"),
    ("pymongo/message.py", "encode"),
    ("shared/contracts/__init__.py:Fact.write", "encode"),
    ("shared/engine/store/writes.py:pack", "encode"),
    ("shared/engine/records.py:Message", "encode"),
    ("shared/engine/store/document.py:LoadedDocument.as_document", "encode"),
    ("shared/engine/store/writes.py", "commit"),
    ("shared/engine/store/store.py", "commit"),
    ("shared/engine/consume/offset_store.py", "commit"),
    ("shared/engine/consume/batch.py", "commit"),
    ("pymongo/", "commit"),
    ("aiokafka/", "fetch"),
    ("shared/engine/consume/subscription.py", "fetch"),
    ("shared/engine/consume/poll.py", "fetch"),
    ("shared/engine/consume/record_queue.py", "fetch"),
    ("shared/engine/consume/partition_worker.py:PartitionWorker.offer", "fetch"),
    ("shared/engine/limits/bounded_decompression.py", "fetch"),
)
_WITHOUT_OWNER: Final = frozenset({"encode", "commit", "fetch"})
"""Libraries that serve several stages: an outer caller determines the stage."""


class _Sampler:
    """Counts the stages in the samples."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self._stages: dict[Any, str | None] = {}

    def start(self) -> None:
        """Start sampling."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)

    def stop(self) -> None:
        """Stop sampling."""
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _look(self, _: int, frame: FrameType | None) -> None:
        named: str | None = None
        while frame is not None:
            code = frame.f_code
            if code not in self._stages:
                self._stages[code] = _stage_of(f"{code.co_filename}:{code.co_qualname}")
            stage = self._stages[code]
            if stage in {"relay", "load"} or (stage and named is None):
                named = stage
            if stage in {"relay", "load", "decode", "decide"}:
                break
            frame = frame.f_back
        self.found[named or "loop"] += 1


def _stage_of(place: str) -> str | None:
    return next((stage for part, stage in _BY_FILE if part in place), None)


async def whole(world: World, events: int) -> Figures:
    """Run a service with its relay until everything is published."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(world.mongo, tz_aware=True)
    async with service(world, decide) as subscription:
        store = Store(client, "bench_ours", cases="cases")
        relay = Relay(store, world.connection, holder="bench")
        sampler, meter = _Sampler(), Meter(world)
        relaying = asyncio.create_task(relay.run())
        sampler.start()
        subscription.start()
        await until(lambda: _published() >= events)
        sampler.stop()
        figures = meter.figures(events)
        relaying.cancel()
        with suppress(asyncio.CancelledError):
            await relaying
    await client.close()
    seen = sampler.found.total()
    shares = {stage: figures.cpu_us * sampler.found[stage] / seen for stage in STAGES}
    return replace(figures, more=shares)


def _published() -> float:
    return REGISTRY.get_sample_value("samraad_published_total", {"topic": FOLLOWED_TOPIC}) or 0.0


def _measure(world: World, size: RunSize) -> Findings:
    world.make_topic(world.topic, PARTITIONS)
    world.make_topic(FOLLOWED_TOPIC, PARTITIONS)
    world.fill(world.topic, ((fact_of(number), 1) for number in range(size.events)))
    runs = []
    for _ in range(size.runs):
        world.empty("bench_ours")
        runs.append(run_alone(whole, world, size.events))
    rows = []
    for stage, what in STAGES.items():
        spent = [each.more[stage] for each in runs]
        rows.append(
            {
                "stage": stage,
                "what": what,
                "CPU_us": round(median(spent), 2),
                "least": round(min(spent), 2),
                "most": round(max(spent), 2),
            }
        )
    total = [each.cpu_us for each in runs]
    rows.append(
        {
            "stage": "all",
            "what": f"the process; mongod beside it {median(e.mongod_us for e in runs):.1f}",
            "CPU_us": round(median(total), 2),
            "least": round(min(total), 2),
            "most": round(max(total), 2),
        }
    )
    return Findings(rows)


def draw(rows: list[dict[str, Any]], to: Path = _PICTURE) -> None:
    """Draw the stages as bars."""
    stages = rows[:-1]
    most = max(row["CPU_us"] for row in stages)
    table = Table(box=None, show_header=False, padding=(0, 1))
    for row in stages:
        bar = Bar(most, 0, row["CPU_us"], width=44, color="#2a6f97")
        table.add_row(row["stage"], bar, f"{row['CPU_us']:.1f} µs", row["what"])
    console = Console(record=True, width=120, file=io.StringIO(), force_terminal=True)
    console.print(table)
    title = f"CPU time of one event by stage, {rows[-1]['CPU_us']:.1f} µs in all"
    to.write_text(console.export_svg(title=title, code_format=_SVG), encoding="utf-8")


_SVG: Final = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; \
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-family: system-ui, sans-serif; font-size: 18px; font-weight: bold; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" \
height="{terminal_height}"/></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" \
clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""

subject = Subject("CPU time of one event by stage, of a service with its relay", _measure, draw)
