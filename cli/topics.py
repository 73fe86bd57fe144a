"""`samraad topics`: makes the broker's topics and rights as declared, or shows the differences."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from deploy.embedded.paths import Home
from deploy.topics import Change, TopicsNotReady, apply, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deploy.topics import Diff

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Topics and rights: make them as declared.")

FAILED, NOT_RUNNING = 1, 3
_GREETING = 6.0
"""Seconds that a broker has for its first answer."""

KafkaFile = Annotated[
    Path | None,
    typer.Option(
        "--kafka",
        envvar="SAMRAAD_KAFKA_FILE",
        help="File with the address and login of an administrator; the stack's own by default.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("diff")
def show(kafka: KafkaFile = None, as_json: AsJson = False) -> None:
    """Show how the broker differs from the declaration: 0 it does not, 1 it does."""
    diff = _run(kafka, plan)
    _show(diff.changes, as_json=as_json, done="The broker is as declared.")
    if diff:
        raise typer.Exit(FAILED)


@app.command("apply")
def make(kafka: KafkaFile = None, as_json: AsJson = False) -> None:
    """Make topics and rights as declared, and show what was done; it may be repeated."""
    diff = _run(kafka, apply)
    _show(diff.changes, as_json=as_json, done="The broker was as declared already.")
    if not all(change.is_made_by_apply for change in diff.changes):
        raise typer.Exit(FAILED)


def _run(kafka: Path | None, work: "Callable[..., Diff]") -> "Diff":
    file = kafka or Home.from_environment().secrets / "kafka" / "admin.json"
    if not file.exists():
        _stop(f"There is no {file}: start the stack (samraad up), or give a file with --kafka.")
    quiet = logging.getLogger("samraad.librdkafka")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    login = json.loads(file.read_text(encoding="utf-8"))
    admin = AdminClient(login, logger=quiet)
    address = login.get("bootstrap.servers", "")
    try:
        admin.list_topics(timeout=_GREETING)
    except KafkaException:
        # librdkafka reports a wrong password as a time-out too.
        _stop(
            f"No broker accepts a connection at {address}: it does not run, or the login is wrong."
        )
    try:
        # The inspector's login lies beside the administrator's where the stack has one.
        return work(admin, inspector=(file.parent / "inspector.json").exists())
    except (KafkaException, TopicsNotReady) as error:
        _stop(f"The broker at {address} refused: {error}", code=FAILED)


def _stop(sentence: str, *, code: int = NOT_RUNNING) -> NoReturn:
    Console(stderr=True).print(sentence, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def _show(changes: "Sequence[Change]", *, as_json: bool, done: str) -> None:
    if as_json:
        rows = [
            {
                "kind": change.kind.value,
                "what": change.what,
                "detail": change.detail,
                "made_by_apply": change.is_made_by_apply,
            }
            for change in changes
        ]
        typer.echo(json.dumps(rows, indent=1))
        return
    console = Console()
    if not changes:
        console.print(done, markup=False)
        return
    table = Table("What", "Topic or user", "Detail", box=None, header_style="bold")
    for change in changes:
        table.add_row(change.kind.value, change.what, change.detail)
    console.print(table)
