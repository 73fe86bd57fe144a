"""Memory against backlog: the peak of a service and a relay with a large backlog."""

from dataclasses import replace
from statistics import median
from typing import Any, Final

from bench import relaying
from bench.pipeline import ours
from bench.running import Figures, Findings, Run, RunSize, Subject, run_alone
from bench.world import FOLLOWED_TOPIC, PARTITIONS, World, fact_of

__all__ = ["subject"]

_BACKLOGS: Final = (1_000, 30_000, 300_000)


def _measure(world: World, size: RunSize) -> Findings:
    runs: dict[tuple[str, int], list[Figures]] = {}
    for backlog in _BACKLOGS:
        here = replace(world, topic=f"bench.backlog.{backlog}")
        here.make_topic(here.topic, PARTITIONS)
        here.fill(here.topic, ((fact_of(number), 1) for number in range(backlog)))
        world.make_topic(FOLLOWED_TOPIC, PARTITIONS)
        ways: tuple[tuple[str, Run], ...] = (("service", ours), ("relay", relaying.ours))
        for _ in range(size.runs):
            for name, run in ways:
                world.empty("bench_ours")
                if name == "relay":
                    relaying.fill_outbox(world, "bench_ours", backlog)
                runs.setdefault((name, backlog), []).append(run_alone(run, here, backlog))
    rows: list[dict[str, Any]] = [
        {
            "what": name,
            "backlog": backlog,
            "peak_MB": round(median(each.peak_mb for each in figures)),
            "least": round(min(each.peak_mb for each in figures)),
            "most": round(max(each.peak_mb for each in figures)),
            "runs": len(figures),
        }
        for (name, backlog), figures in sorted(runs.items())
    ]
    return Findings(rows)


subject = Subject("Memory: the maximum of a process by number of waiting events", _measure)
