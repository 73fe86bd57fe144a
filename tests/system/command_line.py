"""The `samraad` command against the real stack, with a folder and a partner of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from deploy.embedded.paths import CLONE
from tests.live import LiveStack

if TYPE_CHECKING:
    pass

EXAMPLES = CLONE / "examples" / "reports" / "valid"
DONE, FAILED, WRONG_USE, NOT_RUNNING, REJECTED, REFUSED = range(6)


class CommandLine:
    """Runs `samraad` for one test: in a folder of its own, for a partner that no other test uses."""

    def __init__(self, stack: LiveStack, folder: Path, partner: str) -> None:
        self.stack = stack
        self.folder = folder
        self.partner = partner
        self.file = folder / f"{partner}.credentials.json"

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.stack.run(*arguments, stdin=stdin)

    def add(self, *more: str, kind: str = "prosecution") -> subprocess.CompletedProcess[str]:
        out = ("--out", str(self.file)) if "--out" not in more else ()
        return self.run(
            "partner", "add", self.partner, "--kind", kind, "--municipality", "0630", *out, *more
        )

    def report(self, example: str = "mediation-violence-between-two-young", **changes: Any) -> str:
        example_report = json.loads((EXAMPLES / f"{example}.json").read_text())
        own = {"partner": self.partner, "reference": f"T-{uuid4()}"}
        return json.dumps({**example_report, **own, **changes}, ensure_ascii=False)

    def emit(self, reports: str, *more: str) -> tuple[int, list[dict[str, Any]]]:
        """Send from standard input; give the exit code and the receipts."""
        ran = self.run("emit", "-", "--credentials", str(self.file), "--json", *more, stdin=reports)
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran.returncode, lines(ran.stdout)

    def receipts(self, *more: str) -> list[dict[str, Any]]:
        ran = self.run("receipts", "--credentials", str(self.file), "--json", *more)
        assert ran.returncode == DONE, ran.stderr
        return lines(ran.stdout)

    def facts(self, case: str, count: int) -> list[dict[str, Any]]:
        """Watch a case until so many of its facts are published."""
        ran = self.run("watch", "--case", case, "--count", str(count), "--for", "60", "--json")
        assert ran.returncode == DONE, ran.stderr
        return lines(ran.stdout)

    def parked(self, *more: str) -> list[dict[str, Any]]:
        ran = self.run("parked", "list", "--json", *more)
        assert ran.returncode == DONE, ran.stderr
        facts: list[dict[str, Any]] = json.loads(ran.stdout)
        return facts


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
