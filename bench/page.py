"""The findings for people, as JSON and in docs/bench.md."""

import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil
from rich.console import Console
from rich.table import Table

from bench.running import Findings, Subject
from deploy.embedded.paths import CLONE

__all__ = ["DOCS", "as_found", "keep", "load_now", "show"]

DOCS: Final = CLONE / "docs"
_FIGURES: Final = DOCS / "bench.json"
_PAGE: Final = DOCS / "bench.md"

Found = dict[str, Any]


def load_now() -> float:
    """The load of the machine in the minute before; an idle one has less than 0.3."""
    return round(os.getloadavg()[0], 2)


def as_found(name: str, subject: Subject, findings: Findings, runs: int, load: float) -> Found:
    """Return a subject's findings with all that is needed to repeat them."""
    return {
        "title": subject.title,
        "command": f"make bench ONLY={name}" + ("" if runs == 5 else f" RUNS={runs}"),  # noqa: PLR2004 - usual
        "commit": _commit(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "load_before": load,
        "rows": findings.rows,
        "targets": [asdict(each) for each in findings.targets],
        "promises": findings.promises,
    }


def show(console: Console, found: Found) -> None:
    """Print a subject as tables."""
    table = Table(title=found["title"])
    names = _columns(found["rows"])
    for name in names:
        table.add_column(_words(name))
    for row in found["rows"]:
        table.add_row(*(_written(row.get(name)) for name in names))
    console.print(table)
    for each in found["targets"]:
        met = "met" if each["met"] else "missed"
        console.print(f"{each['what']}: {each['measured']:g} ({each['wanted']}: {met})")


def keep(found: Mapping[str, Found]) -> None:
    """Save findings in docs/bench.json and in their place of docs/bench.md."""
    kept = json.loads(_FIGURES.read_text(encoding="utf-8")) if _FIGURES.exists() else {}
    kept.update(found)
    kept = dict(sorted(kept.items()))
    text = json.dumps(kept, indent=2, ensure_ascii=False)
    _FIGURES.write_text(text + "\n", encoding="utf-8")
    page = _PAGE.read_text(encoding="utf-8")
    for name, each in kept.items():
        page = _put(page, name, _section(each))
    page = _put(page, "targets", _targets(kept))
    _PAGE.write_text(page, encoding="utf-8")


def _put(page: str, name: str, text: str) -> str:
    """Replace the text between the marks of a subject."""
    mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not mark.search(page):
        raise ValueError(f"{_PAGE} has no place for {name}")
    return mark.sub(lambda found: f"{found[1]}{text}{found[2]}", page)


def _section(found: Found) -> str:
    names = _columns(found["rows"])
    lines = [
        "| " + " | ".join(_words(name) for name in names) + " |",
        "|" + "---|" * len(names),
        *(
            "| " + " | ".join(_written(row.get(name)) for name in names) + " |"
            for row in found["rows"]
        ),
        "",
    ]
    if found["promises"]:
        lines += [f"- **{name}**: {promise}" for name, promise in found["promises"].items()]
        lines.append("")
    where = f"{found['machine']}; load before: {found['load_before']:g}."
    what = f"`{found['command']}`, commit {found['commit']}, {found['measured_at'][:10]}"
    return "\n".join([*lines, f"{what}, {where}", ""])


def _targets(kept: Mapping[str, Found]) -> str:
    lines = ["| Target | Wanted | Measured | |", "|---|---|---|---|"]
    for found in kept.values():
        for each in found["targets"]:
            met = "met" if each["met"] else "**missed**"
            lines.append(f"| {each['what']} | {each['wanted']} | {each['measured']:g} | {met} |")
    return "\n".join(lines) + "\n"


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _words(name: str) -> str:
    return name.replace("_us", " µs").replace("_", " ").replace("cpu", "CPU")


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return str(value)


def _commit() -> str:
    """Return the measured commit, with `+` if files differ from it, apart from our own output."""

    def git(*arguments: str) -> str:
        completed = subprocess.run(
            ["git", *arguments], cwd=CLONE, capture_output=True, text=True, check=False
        )
        return completed.stdout.strip()

    changed = git("status", "--porcelain", "--", ".", ":!docs/bench*")
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def _machine() -> str:
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = round(psutil.virtual_memory().total / 2**30)
    return (
        f"{os.cpu_count()} cores ({model[1].strip() if model else platform.machine()}), "
        f"{memory} GiB, Python {platform.python_version()}"
    )
