"""`samraad up`, `down` and `doctor`: the stack on one machine."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from cli.welcome import welcome
from deploy.embedded import doctor as examination
from deploy.embedded.errors import StackProblem
from deploy.embedded.ports import given_ports
from deploy.embedded.programs import Wanted, given_copies
from deploy.embedded.progress import ProgressListener
from deploy.embedded.stack import Stack

if TYPE_CHECKING:
    import subprocess
    from types import FrameType

__all__ = ["app"]

app = typer.Typer()

FAILED = 1
MEGABYTE = 1_000_000

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command()
def up(
    detach: Annotated[
        bool,
        typer.Option(
            "--detach", "-d", help="Return when everything is ready, and leave it running."
        ),
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="With staff, partners and a stream of synthetic reports.")
    ] = False,
    port: Annotated[
        list[str] | None,
        typer.Option("--port", metavar="NAME=NUMBER", help="Use this port, or fail."),
    ] = None,
    copies: Annotated[
        list[str] | None,
        typer.Option("--copies", metavar="SERVICE=N", help="Run N processes of a service."),
    ] = None,
    traces: Annotated[
        bool | None,
        typer.Option(help="Write traces from now on, for `samraad trace`."),
    ] = None,
    brokers_only: Annotated[
        bool, typer.Option("--brokers-only", help="Kafka and MongoDB, without the services.")
    ] = False,
) -> None:
    """Start the whole system, or its missing parts; in the foreground until Ctrl-C."""
    stack, console = Stack(), Console(stderr=True)
    with _in_one_sentence(console), _ended_by_signals():
        wanted = Wanted(demo=demo, brokers_only=brokers_only, copies=given_copies(copies or []))
        given = given_ports(port or [])
        if traces is not None:
            stack.trace(wanted=traces)
        try:
            with _shown_progress(console) as progress:
                done = stack.up(wanted, given, tethered=not detach, progress=progress)
        except KeyboardInterrupt:
            console.print("Stopped before it was up.")
            raise typer.Exit(FAILED) from None
        welcome(Console(), done, wanted)
        if done.late:
            logs = ", ".join(str(stack.home.logs / f"{name}.log") for name in done.late)
            console.print(
                f"Not ready yet: {', '.join(done.late)}. See {escape(logs)}.", soft_wrap=True
            )
        if not detach and done.supervisor is not None:
            _hold(stack, done.supervisor, console)
        elif done.late:
            raise typer.Exit(FAILED)


@app.command()
def down() -> None:
    """Stop everything cleanly; the data stays."""
    console = Console(stderr=True)
    with _in_one_sentence(console):
        with _shown_progress(console) as progress:
            ran = Stack().down(progress)
        console.print("Everything is stopped; the data stays." if ran else "Nothing was running.")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check the requirements on this machine: one line each, with what to do."""
    findings = examination.examine(Stack())
    if as_json:
        typer.echo(json.dumps([finding.as_document() for finding in findings], indent=1))
    else:
        table = Table(box=None, show_header=False, pad_edge=False)
        for finding in findings:
            sign = "[green]ok[/]" if finding.fine else "[red]no[/]"
            table.add_row(sign, escape(finding.what), escape(finding.sentence))
        Console().print(table)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(FAILED)


def _hold(stack: Stack, supervisor: "subprocess.Popen[bytes]", console: Console) -> None:
    """Wait until Ctrl-C or SIGTERM, then stop everything; or until the supervisor has ended."""
    console.print("Ctrl-C ends it.")
    try:
        supervisor.wait()
    except KeyboardInterrupt:
        with _shown_progress(console) as progress, _ignoring_signals():
            stack.down(progress)
        console.print("Everything is stopped; the data stays.")
        return
    if supervisor.returncode != 0:
        console.print(f"The supervisor ended by itself: see {escape(str(stack.supervision.log))}.")
        raise typer.Exit(FAILED)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end this command like Ctrl-C; `&` in a shell disables Ctrl-C."""

    def interrupt(_number: int, _frame: "FrameType | None") -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    yield


@contextmanager
def _ignoring_signals() -> Iterator[None]:
    """Ignore signals, so that a second Ctrl-C does not interrupt a clean stop."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    yield


@contextmanager
def _in_one_sentence(console: Console) -> Iterator[None]:
    try:
        yield
    except StackProblem as problem:
        console.print(str(problem), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(problem.exit_code) from None


@contextmanager
def _shown_progress(console: Console) -> Iterator[ProgressListener]:
    """Draw what is under way on a terminal; elsewhere print only the sentences."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[size]}"),
    )

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    if not console.is_terminal:
        yield ProgressListener(report=say)
        return
    with Progress(*columns, console=console, transient=True) as progress:
        now = progress.add_task("Looking", total=None, size="")
        meters: dict[str, Any] = {}

        def step(text: str) -> None:
            progress.update(now, description=text)

        def meter(what: str, done: int, total: int) -> None:
            if what not in meters:
                meters[what] = progress.add_task(f"Fetching: {what}", size="")
            size = f"{done / MEGABYTE:.0f} of {total / MEGABYTE:.0f} MB"
            progress.update(meters[what], completed=done, total=total, size=size)

        yield ProgressListener(report=say, step=step, meter=meter)


if __name__ == "__main__":
    sys.exit(app())
