"""`samraad trace`: what one report set off, step by step, as a tree with times."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from cli.names import case_name
from deploy.embedded.paths import Home
from shared.observability.tracing import REFERENCE, SUBJECT, reference_mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["app"]

app = typer.Typer()

FAILED, NOT_RUNNING = 1, 3
TRACE_ID: Final = re.compile(r"[0-9a-f]{32}\Z")
WHERE: Final = "messaging.destination.name"

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@dataclass(frozen=True, slots=True)
class Step:
    """One line that a process wrote."""

    line: dict[str, Any]

    @property
    def trace(self) -> str:
        """The trace it belongs to."""
        return str(self.line["trace"])

    @property
    def span(self) -> str:
        """Its id."""
        return str(self.line["span"])

    @property
    def parent(self) -> str | None:
        """What set it off."""
        parent: str | None = self.line["parent"]
        return parent

    @property
    def began_ns(self) -> int:
        """When it began, in ns since 1970."""
        return int(self.line["began_ns"])

    def told(self, attribute: str) -> Any:
        """Return an attribute, or None."""
        return self.line["attributes"].get(attribute)

    def is_about(self, asked: str, mark: str) -> bool:
        """Whether it is asked for: by its trace, its partner's reference, or its case's name or id."""
        subject = str(self.told(SUBJECT) or "")
        code = case_name(subject, "") if subject else ""
        named = bool(code) and asked.upper().endswith(code.upper())
        return asked == self.trace or self.told(REFERENCE) == mark or asked == subject or named


@app.command()
def trace(
    asked: Annotated[
        str,
        typer.Argument(
            metavar="REFERENCE|CASE|TRACEID",
            help="A partner's reference, a case's id or name (KR-7Q2M-04XT), or a trace's id.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Show what one report set off, in all services: 0 shown, 1 not found, 3 nothing is traced."""
    folder = Home.from_environment().traces
    if not folder.is_dir():
        _stop("Nothing is traced here: start with `samraad up --traces`.", NOT_RUNNING)
    steps = _found(folder, asked)
    if not steps:
        _stop("No trace of it was written.", FAILED)
    if as_json:
        for step in steps:
            typer.echo(json.dumps(step.line))
        return
    console = Console()
    for trace_id in dict.fromkeys(step.trace for step in steps):
        console.print(_tree([step for step in steps if step.trace == trace_id]))


def _stop(sentence: str, code: int) -> None:
    Console(stderr=True).print(sentence, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def _found(folder: Path, asked: str) -> list[Step]:
    """Find the traces that are asked for, whole, the oldest step first."""
    mark = reference_mark(asked)
    wanted = {asked} if TRACE_ID.match(asked) else set()
    if not wanted:
        wanted = {step.trace for step in _read(folder) if step.is_about(asked, mark)}
    once = {step.span: step for step in _read(folder) if step.trace in wanted}
    return sorted(once.values(), key=lambda step: step.began_ns)


def _read(folder: Path) -> Iterator[Step]:
    """Read what all processes wrote; a last line that is being written is left out."""
    for file in sorted(folder.glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield Step(json.loads(line))


def _tree(steps: Sequence[Step]) -> Tree:
    """Draw one trace; what has a parent that nobody wrote down stands at its root."""
    first = steps[0].began_ns
    began = datetime.fromtimestamp(first / 1e9, UTC).isoformat(timespec="milliseconds")
    root = Tree(Text(f"{steps[0].trace}  {began.replace('+00:00', 'Z')}"))
    known = {step.span for step in steps}
    branches: dict[str | None, Tree] = {None: root}
    waiting: list[Step] = list(steps)
    while waiting:
        ready = [step for step in waiting if step.parent not in known or step.parent in branches]
        for step in ready:
            above = branches.get(step.parent, root)
            branches[step.span] = above.add(_line(step, first))
        waiting = [step for step in waiting if step.span not in branches]
    return root


def _line(step: Step, first: int) -> Text:
    after = (step.began_ns - first) / 1e6
    took = (step.line["ended_ns"] - step.began_ns) / 1e6
    told: Iterable[str | tuple[str, str]] = (
        (f"+{after:.1f} ms ", "dim"),
        (f"{step.line['service']} ", "bold"),
        step.line["name"],
        (f"  {took:.1f} ms", "cyan"),
        f"  {step.told(WHERE) or ''}",
    )
    line = Text.assemble(*told)
    if step.line["failed"]:
        line.append("  failed", "bold red")
    return line
