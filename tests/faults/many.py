"""`make kills SEEDS=n KILLS=k`: many deaths beneath one engine, on brokers of its own.

Ends with 0 when every promise was kept in every seed, else with 1 and the commands that repeat what
failed.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deploy.embedded.download import fetch_jars
from deploy.embedded.paths import Home
from tests.faults.kills import KillsOutcome, run_lives
from tests.faults.plan import seeds_of_this_commit
from tests.faults.table import PAGE, put_between, table
from tests.live import LiveStack

BEGINS, ENDS = "<!-- kills -->", "<!-- /kills -->"
FINDINGS_SHOWN = 20
KINDS = {
    "crash": "killed at a named crash point",
    "anywhere": "killed anywhere",
    "woken": "paused at a crash point, continued when its successor ran, then killed",
    "mongo": "mongod killed",
    "kafka": "broker killed",
}


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for."""
    asked = _parser().parse_args(arguments)
    seeds = asked.seed or seeds_of_this_commit(asked.seeds, asked.first)
    folder = Path(asked.folder or tempfile.mkdtemp(prefix="samraad-kills-"))
    folder.mkdir(exist_ok=True)
    known = [json.loads(file.read_text()) for file in asked.add]
    outcomes: list[dict[str, Any]] = [each for file in known for each in file]
    failed = []
    for outcome in _run(seeds, asked.kills, folder, time.monotonic() + asked.minutes * 60):
        outcomes.append(outcome.as_document())
        (folder / "kills.json").write_text(json.dumps(outcomes, indent=1), encoding="utf-8")
        _print(_line(outcome))
        _print(*(f"  {each.kind}: {each.what}" for each in outcome.findings[:FINDINGS_SHOWN]))
        if outcome.findings:
            failed.append(outcome.seed)
    _print("", as_markdown(outcomes))
    if asked.publish:
        put_between(PAGE, BEGINS, ENDS, as_markdown(outcomes))
    _print(*(f"Repeat with: make kills SEED={seed} KILLS={asked.kills}" for seed in failed))
    return 1 if failed else 0


def _run(seeds: Sequence[int], kills: int, folder: Path, until: float) -> Any:
    home = Home.from_environment()
    fetch_jars(home)
    live = LiveStack(folder / "home", home.cache, SAMRAAD_FAULTS="1")
    live.start("--brokers-only")
    try:
        for seed in seeds:
            if time.monotonic() > until:
                _print("The time is up: the seeds that are left were not begun.")
                return
            yield asyncio.run(run_lives(live, seed, kills, folder))
    finally:
        live.discard()


def as_markdown(outcomes: Sequence[dict[str, Any]]) -> str:
    """The tables of a run."""
    kills: Counter[str] = sum((Counter(each["kills"]) for each in outcomes), Counter())
    points: Counter[str] = sum((Counter(each["points"]) for each in outcomes), Counter())
    found = Counter(finding["kind"] for each in outcomes for finding in each["findings"])
    settled = sorted(each["settle_s"] for each in outcomes)
    rows = [
        ("Seeds", len(outcomes)),
        ("**Kills**", f"**{kills.total()}**"),
        *((f"of these: {name}", kills[kind]) for kind, name in KINDS.items()),
        ("Facts acknowledged, repeats not counted", sum(each["facts"] for each in outcomes)),
        ("Records published", sum(each["records"] for each in outcomes)),
        ("**Lost**", found["lost"]),
        ("**Duplicated**", found["doubled"]),
        ("Out of order", found["order"]),
        ("Left over: outbox, marks, watermarks, parking lot", found["left"]),
        ("Successor ready after its start, s, p50 and p99", _spread(outcomes)),
        (
            "Idle after the last kill, s, median and maximum",
            f"{_share(settled, 0.5)}, {_share(settled, 1)}",
        ),
        ("Minutes in all", round(sum(each["whole_s"] for each in outcomes) / 60, 1)),
    ]
    return "\n".join(
        [
            *table(("", ""), rows),
            "",
            f"By crash point: {', '.join(f'`{name}` {n}' for name, n in points.most_common())}.",
            "",
            *table(
                ("seed", "kills", "facts", "records", "findings", "SHA-256 of its ledger"),
                [
                    (
                        each["seed"], sum(each["kills"].values()), each["facts"], each["records"],
                        len(each["findings"]), f"`{each['digest']}`",
                    )
                    for each in outcomes
                ],
            ),
        ]
    )  # fmt: skip


def _spread(outcomes: Sequence[dict[str, Any]]) -> str:
    ready = sorted(seconds for each in outcomes for seconds in each["ready_s"])
    return f"{_share(ready, 0.5)}, {_share(ready, 0.99)} ({len(ready)} times)"


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _line(outcome: KillsOutcome) -> str:
    verdict = "FAILED" if outcome.findings else "good"
    return (
        f"seed {outcome.seed:>6}  kills {outcome.died}  facts {outcome.facts}  "
        f"records {outcome.records}  idle after {outcome.settle_s} s  {outcome.whole_s} s  {verdict}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.many", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="leave out as many of that row")
    parser.add_argument("--seed", type=int, action="append", help="this one alone; may be repeated")
    parser.add_argument("--kills", type=int, default=100, help="in each seed")
    parser.add_argument("--minutes", type=float, default=600, help="begin no seed after so long")
    parser.add_argument("--folder", help="where ledgers, logs and data lie")
    parser.add_argument(
        "--add", type=Path, nargs="*", default=[], help="kills.json of earlier runs"
    )
    parser.add_argument("--publish", action="store_true", help="into docs/faults.md")
    return parser


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
