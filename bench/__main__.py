"""Run the bench: `make bench`, or `python -m bench --runs 5 --json`."""

import argparse
import json
from statistics import median
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.contenders import (
    Contender,
    Figures,
    bare_loop,
    ours,
    run_alone,
    same_documents,
    tutorial,
)
from bench.world import PARTITIONS, brokers

TUTORIAL_EVENTS = 1_500
DATABASES = ("bench_bare", "bench_ours", "bench_tutorial")

CONTENDERS: dict[str, Contender] = {
    "bare loop": bare_loop,
    "bare loop, our documents": same_documents,
    "Samråd": ours,
    "the tutorial way": tutorial,
}


def main() -> None:
    """Run all contenders by turns, and print medians, spread and ratios."""
    asked = _arguments()
    console = Console(stderr=asked.json)
    with brokers() as world:
        world.topic("bench.in", PARTITIONS)
        world.fill("bench.in", asked.events)
        runs: dict[str, list[Figures]] = {name: [] for name in CONTENDERS}
        for _ in track(range(asked.runs), "Running by turns", console=console):
            for name, contender in CONTENDERS.items():
                for database in DATABASES:
                    world.empty(database)
                events = TUTORIAL_EVENTS if name == "the tutorial way" else asked.events
                runs[name].append(run_alone(contender, world, events))
    told = summary(runs)
    if asked.json:
        print(json.dumps(told, indent=2))  # noqa: T201 - its output
    else:
        console.print(_table(told))


def summary(runs: dict[str, list[Figures]]) -> dict[str, Any]:
    """Medians and spread of each, and what they are to each other, run by run."""
    told: dict[str, Any] = {
        name: {
            "events_per_second": round(median(each.rate for each in figures)),
            "slowest": round(min(each.rate for each in figures)),
            "fastest": round(max(each.rate for each in figures)),
            "client_cpu_us_per_event": round(median(each.cpu_us for each in figures), 1),
            "runs": len(figures),
        }
        for name, figures in runs.items()
    }
    told["ratios"] = {
        f"Samråd / {name}": round(
            median(
                our.rate / other.rate for our, other in zip(runs["Samråd"], others, strict=True)
            ),
            2,
        )
        for name, others in runs.items()
        if name != "Samråd"
    }
    return told


def _table(told: dict[str, Any]) -> Table:
    table = Table(
        "",
        "events/s",
        "spread",
        "client CPU µs",
        title=f"One event, one case, {PARTITIONS} partitions",
    )
    for name in CONTENDERS:
        row = told[name]
        spread = f"{row['slowest']:,} - {row['fastest']:,}"
        cpu = str(row["client_cpu_us_per_event"])
        table.add_row(name, f"{row['events_per_second']:,}", spread, cpu)
    table.caption = ", ".join(f"{name}: {ratio}" for name, ratio in told["ratios"].items())
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
