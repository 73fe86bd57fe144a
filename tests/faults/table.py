"""The results of a run of seeds, for people (Markdown) and for programs (JSON)."""

import json
import os
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from math import ceil
from pathlib import Path
from typing import Any, Final

from deploy.embedded.paths import CLONE
from shared.crash_points import POINTS
from tests.faults.plan import is_directed_only
from tests.faults.seeds import Outcome

__all__ = [
    "PAGE",
    "as_markdown",
    "line_of",
    "publish",
    "put_between",
    "repeat_command",
    "summary",
    "table",
]

PAGE: Final = CLONE / "docs" / "faults.md"
BEGINS, ENDS = "<!-- run -->", "<!-- /run -->"
_RECOVERIES: Final = {
    "calm_s": ("service, killed alone on an idle system", "5"),
    "back_s": ("service, under the other faults", ""),
    "mongo_s": ("mongod, on an idle system", "15"),
    "kafka_s": ("broker, on an idle system", "15"),
    "rest_s": ("everything idle after the last fault", ""),
}
_FAULTS: Final = {
    "crash": "killed at a named crash point",
    "kill": "killed anywhere (SIGKILL)",
    "mongo": "mongod killed",
    "kafka": "broker killed",
    "kill_some": "of these: several killed at the same moment",
    "terminate": "graceful shutdown (SIGTERM)",
    "roll": "graceful shutdown of a service's processes, one after the other",
    "freeze": "paused briefly anywhere (SIGSTOP, SIGCONT)",
    "stop_at": "paused at a named crash point, and continued",
    "zombie": "paused for longer than its group session",
    "slow_mongo": "mongod paused for 0.45 s of each 0.5 s",
    "freeze_kafka": "broker paused for 2 s",
    "fail": "commands of mongod that fail, including unclear commits",
    "step_down": "mongod stepped down",
    "repeat": "facts written again at a new offset",
}
_FINDINGS: Final = {
    "lost": "**Lost**",
    "doubled": "**Duplicated**",
    "order": "Out of order",
    "answer": "Answer differs from the contract",
    "left": "Left over: outbox, marks, watermarks, parked",
    "recovery": "Not recovered within 150 s",
    "memory": "Process above 300 MB of memory",
}


def repeat_command(outcome: Outcome) -> str:
    """The one command that repeats a seed."""
    short = " SHORT=1" if outcome.short else ""
    return f"make faults SEED={outcome.seed} COPIES={outcome.copies}{short}"


def line_of(outcome: Outcome) -> str:
    """One seed in one line."""
    verdict = "good" if outcome.is_good else "FAILED"
    return (
        f"seed {outcome.seed:>6}  copies {outcome.copies}  reports {outcome.reports}  "
        f"kills {outcome.kills:>2}  records {outcome.records:>5}  "
        f"back p50 {_percentile(outcome.back_s, 50)} s, rest {outcome.rest_s} s  "
        f"{outcome.whole_s} s  {verdict}"
    )


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Sum all seeds up."""
    added = {
        name: dict(sum((Counter(getattr(each, name)) for each in outcomes), Counter()))
        for name in ("faults", "points", "unreached", "operator")
    }
    return {
        "seeds": len(outcomes),
        "failed": [each.seed for each in outcomes if not each.is_good],
        "kills": sum(each.kills for each in outcomes),
        "reports": sum(each.reports for each in outcomes),
        "planted": sum(each.planted for each in outcomes),
        "records": sum(each.records for each in outcomes),
        "findings": {
            kind: sum(each.count(kind) for each in outcomes if not each.failure)
            for kind in _FINDINGS
        },
        "recovery_s": {name: _spread(_seconds(outcomes, name)) for name in _RECOVERIES},
        "most_mb": max((max(each.most_mb.values(), default=0) for each in outcomes), default=0),
        "minutes": round(sum(each.whole_s for each in outcomes) / 60, 1),
        **added,
    }


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """The tables of a run."""
    totals = summary(outcomes)
    return "\n".join(
        [
            *_totals(outcomes, totals),
            *_title("Recovery, in seconds"),
            *table(
                ("", "times", "p50", "p99", "max", "target"),
                [
                    (_RECOVERIES[name][0], *spread.values(), _RECOVERIES[name][1])
                    for name, spread in totals["recovery_s"].items()
                ],
            ),
            "",
            (
                "Service: from the kill until its successor is ready. Broker and mongod: from the kill "
                "until a partner gets a receipt again. Everything idle: until every report is "
                "answered, every watermark is at its log's end and every outbox is empty."
            ),
            *_title("Faults injected"),
            *table(
                ("", "times"), [(_FAULTS[name], totals["faults"].get(name, 0)) for name in _FAULTS]
            ),
            *_title("Kills by crash point"),
            *table(
                ("point", "kills", "armed but not reached"),
                [
                    (f"`{point}`", totals["points"].get(point, 0), totals["unreached"].get(point, 0))
                    for point in POINTS
                    if not is_directed_only(point)
                ],
            ),
            *_title("Seeds"),
            *table(
                ("seed", "copies", "reports", "kills", "records", "findings", "SHA-256 of its ledger"),
                [
                    (
                        each.seed, each.copies, each.reports, each.kills, each.records,
                        each.failure.split("\n")[0][:80] or len(each.findings), f"`{each.digest}`",
                    )
                    for each in outcomes
                ],
            ),
        ]
    )  # fmt: skip


def _totals(outcomes: Sequence[Outcome], totals: dict[str, Any]) -> Iterable[str]:
    machine = (
        f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"
    )
    yield f"Machine: {machine}; {totals['minutes']} minutes in all."
    yield ""
    yield from table(
        ("", ""),
        [
            ("Seeds", totals["seeds"]),
            ("**Kills**", f"**{totals['kills']}**"),
            ("Reports acknowledged", totals["reports"]),
            ("Facts planted: swapped, doubled, poisoned", totals["planted"]),
            ("Records on all topics", totals["records"]),
            *((name, totals["findings"][kind]) for kind, name in _FINDINGS.items()),
            ("Most memory of one service process", f"{totals['most_mb']} MB"),
            ("Seeds that did not become idle", sum(bool(each.failure) for each in outcomes)),
            ("Redriven, discarded by the operator", _operators(totals)),
        ],
    )


def _operators(totals: dict[str, Any]) -> str:
    return f"{totals['operator'].get('redriven', 0)}, {totals['operator'].get('discarded', 0)}"


def publish(outcomes: Sequence[Outcome], page: Path) -> None:
    """Write the tables into the page, and beside it the same for programs."""
    put_between(page, BEGINS, ENDS, as_markdown(outcomes))
    document = {"summary": summary(outcomes), "seeds": [asdict(each) for each in outcomes]}
    page.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def put_between(page: Path, begins: str, ends: str, text: str) -> None:
    """Replace the text between two marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(begins)
    _, _, after = rest.partition(ends)
    page.write_text(f"{before}{begins}\n{text}\n{ends}{after}", encoding="utf-8")


def _title(text: str) -> Iterable[str]:
    return "", f"**{text}**", ""


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterable[str]:
    """Write a Markdown table, line by line."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |"


def _seconds(outcomes: Sequence[Outcome], name: str) -> list[float]:
    if name == "rest_s":
        return [each.rest_s for each in outcomes if each.rest_s]
    return [seconds for each in outcomes for seconds in getattr(each, name)]


def _spread(seconds: list[float]) -> dict[str, float]:
    return {
        "times": len(seconds),
        "p50": _percentile(seconds, 50),
        "p99": _percentile(seconds, 99),
        "max": round(max(seconds, default=0.0), 1),
    }


def _percentile(seconds: list[float], share: int) -> float:
    if not seconds:
        return 0.0
    ordered = sorted(seconds)
    return round(ordered[max(0, ceil(len(ordered) * share / 100) - 1)], 1)
