"""`samraad trace`: the spans that follow from one report, as a tree with times."""

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
class WrittenSpan:
    """One span as a process wrote it: a line of a trace file."""

    line: dict[str, Any]

    @property
    def trace(self) -> str:
        """The trace it belongs to."""
        return str(self.line["trace"])

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.line["span"])

    @property
    def parent(self) -> str | None:
        """The id of the span that caused it; None for the first."""
        parent: str | None = self.line["parent"]
        return parent

    @property
    def began_ns(self) -> int:
        """When it began, in ns since 1970."""
        return int(self.line["began_ns"])

    def attribute(self, name: str) -> Any:
        """Return an attribute, or None."""
        return self.line["attributes"].get(name)

    def is_about(self, query: str, mark: str) -> bool:
        """Return whether a trace id, a reference, or a case's name or id matches the span."""
        subject = str(self.attribute(SUBJECT) or "")
        code = case_name(subject, "") if subject else ""
        named = bool(code) and query.upper().endswith(code.upper())
        return query == self.trace or self.attribute(REFERENCE) == mark or query == subject or named


@app.command()
def trace(
    query: Annotated[
        str,
        typer.Argument(
            metavar="REFERENCE|CASE|TRACEID",
            help="A partner's reference, a case's id or name (KR-7Q2M-04XT), or a trace's id.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Show what followed from one report in all services: 0 shown, 1 not found, 3 no traces."""
    folder = Home.from_environment().traces
    if not folder.is_dir():
        _stop("No traces are written here: start with `samraad up --traces`.", NOT_RUNNING)
    spans = _found(folder, query)
    if not spans:
        _stop("No trace of it was written.", FAILED)
    if as_json:
        for span in spans:
            typer.echo(json.dumps(span.line))
        return
    console = Console()
    for trace_id in dict.fromkeys(span.trace for span in spans):
        console.print(_tree([span for span in spans if span.trace == trace_id]))


def _stop(sentence: str, code: int) -> None:
    Console(stderr=True).print(sentence, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def _found(folder: Path, query: str) -> list[WrittenSpan]:
    """Return all spans of the matching traces, the oldest span first."""
    mark = reference_mark(query)
    wanted = {query} if TRACE_ID.match(query) else set()
    if not wanted:
        wanted = {span.trace for span in _read(folder) if span.is_about(query, mark)}
    once = {span.id: span for span in _read(folder) if span.trace in wanted}
    return sorted(once.values(), key=lambda span: span.began_ns)


def _read(folder: Path) -> Iterator[WrittenSpan]:
    """Read the spans of all processes; an incomplete last line is left out."""
    for file in sorted(folder.glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield WrittenSpan(json.loads(line))


def _tree(spans: Sequence[WrittenSpan]) -> Tree:
    """Draw one trace; a span whose parent was not written is drawn at the root."""
    first = spans[0].began_ns
    began = datetime.fromtimestamp(first / 1e9, UTC).isoformat(timespec="milliseconds")
    root = Tree(Text(f"{spans[0].trace}  {began.replace('+00:00', 'Z')}"))
    known = {span.id for span in spans}
    branches: dict[str | None, Tree] = {None: root}
    waiting: list[WrittenSpan] = list(spans)
    while waiting:
        ready = [span for span in waiting if span.parent not in known or span.parent in branches]
        for span in ready:
            above = branches.get(span.parent, root)
            branches[span.id] = above.add(_line(span, first))
        waiting = [span for span in waiting if span.id not in branches]
    return root


def _line(span: WrittenSpan, first: int) -> Text:
    after = (span.began_ns - first) / 1e6
    took = (span.line["ended_ns"] - span.began_ns) / 1e6
    parts: Iterable[str | tuple[str, str]] = (
        (f"+{after:.1f} ms ", "dim"),
        (f"{span.line['service']} ", "bold"),
        span.line["name"],
        (f"  {took:.1f} ms", "cyan"),
        f"  {span.attribute(WHERE) or ''}",
    )
    line = Text.assemble(*parts)
    if span.line["failed"]:
        line.append("  failed", "bold red")
    return line
