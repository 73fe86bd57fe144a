"""`samraad status` and `samraad alarms`: which processes run, their state, and firing alarms."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.embedded.stack import Stack
from deploy.embedded.status import Sight, see
from shared.runtime import restart_counter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.embedded.copies import Copy

__all__ = ["app"]

app = typer.Typer()

FAILED, NOT_RUNNING = 1, 3

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]

SIGNS: Final = {"ready": "green", "starting": "yellow", "degraded": "red", "stopped": "dim"}
COLUMNS: Final = (
    *("Process", "State", "Pid", "MB", "Lag", "Oldest document", "Parked"),
    *("Halts", "Restarts", "Last step"),
)
BROKERS: Final = ("kafka", "mongo")


@app.command()
def status(
    as_json: AsJson = False,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Show it once on a terminal; elsewhere it is always shown once."
        ),
    ] = False,
    every: Annotated[
        float, typer.Option(min=0.5, metavar="SECONDS", help="How often the live table is updated.")
    ] = 2.0,
) -> None:
    """Show what runs, live until Ctrl-C: 0 it runs, 3 nothing runs."""
    stack, console = Stack(), Console()
    sight = see(stack)
    if as_json:
        typer.echo(json.dumps(sight.document, indent=1))
    elif once or not console.is_terminal or not _runs(sight):
        console.print(_shown(stack, sight))
    else:
        sight = _follow(stack, sight, console, every)
    if not _runs(sight):
        raise typer.Exit(NOT_RUNNING)


@app.command()
def alarms(as_json: AsJson = False) -> None:
    """Show the firing alarms, each with its runbook: 0 none, 1 at least one, 3 nothing runs."""
    sight = see(Stack())
    if as_json:
        rows = [
            {
                "alarm": firing.alarm.name,
                "service": firing.service,
                "sentence": firing.sentence,
                "value": firing.value,
                "urgency": firing.alarm.urgency,
                "means": firing.alarm.means,
                "runbook": firing.alarm.page,
            }
            for firing in sight.alarms
        ]
        typer.echo(json.dumps(rows, indent=1))
    elif _runs(sight):
        Console().print(Group(*_alarms(sight)) if sight.alarms else "No alarm is firing.")
    else:
        Console().print("Nothing runs.")
    if not _runs(sight):
        raise typer.Exit(NOT_RUNNING)
    if sight.alarms:
        raise typer.Exit(FAILED)


def _runs(sight: Sight) -> bool:
    return bool(sight.document["state"] != "stopped")


def _follow(stack: Stack, sight: Sight, console: Console, every: float) -> Sight:
    """Update the table until Ctrl-C, or until nothing runs any more."""
    with Live(_shown(stack, sight), console=console, auto_refresh=False) as live:
        try:
            while _runs(sight):
                time.sleep(every)
                sight = see(stack)
                live.update(_shown(stack, sight), refresh=True)
        except KeyboardInterrupt:
            pass
    return sight


def _shown(stack: Stack, sight: Sight) -> Group:
    document = sight.document
    head = Text.assemble(
        "Samråd is ", (document["state"], SIGNS.get(document["state"], "red")), "."
    )
    if not _runs(sight):
        return Group(head, Text("Start it with `samraad up`."))
    table = Table(*COLUMNS, box=None, pad_edge=False)
    for name in BROKERS:
        if name in sight.seen:
            restarts = restart_counter.restarts(stack.home.restart_counts / name).read()[0]
            state = "ready" if sight.seen[name].runs else "stopped"
            pid = _cell(document[name]["pid"])
            table.add_row(name, _state(state), pid, *"-----", str(restarts), "")
    for copy in sight.copies:
        table.add_row(*_row(copy))
    where = f"Kafka {document['kafka']['bootstrap']}  MongoDB {document['mongo']['host']}"
    return Group(
        head,
        table,
        Text(f"Pages: {document['site']['url']}/  {where}"),
        *(
            Text(f"{name}: {sentence}")
            for name, service in document["services"].items()
            for sentence in service.get("halted", ())
        ),
        *_alarms(sight),
    )


def _row(copy: Copy) -> tuple[str | Text, ...]:
    figures = copy.as_document()
    oldest = figures["outbox_oldest_s"]
    return (
        copy.name,
        _state(copy.health.state),
        _cell(copy.pid),
        str(copy.rss_mb),
        _cell(figures["lag"]),
        "-" if oldest is None else f"{oldest:.0f} s",
        _cell(figures["parked"]),
        _cell(figures["halts"]),
        str(copy.restarts),
        _ago(copy.last_step),
    )


def _alarms(sight: Sight) -> Iterator[Text]:
    """Yield one line per firing alarm, with its runbook."""
    for firing in sight.alarms:
        yield Text.assemble(
            (f"{firing.alarm.name.upper()}  ", "bold red"),
            f"{firing.sentence}: see ",
            (firing.alarm.page, "bold"),
        )


def _state(state: str) -> Text:
    return Text(state, SIGNS.get(state, "red"))


def _cell(value: Any) -> str:
    return "-" if value is None else str(value)


def _ago(moment: datetime | None) -> str:
    """Return how long ago it was, in the largest unit that fits."""
    if moment is None:
        return "none yet"
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
