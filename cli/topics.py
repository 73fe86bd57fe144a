"""`samraad topics`: make the broker's topics and rights as declared, or show what differs."""

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
"""Seconds that a broker has to say hello."""

KafkaFile = Annotated[
    Path | None,
    typer.Option(
        "--kafka",
        envvar="SAMRAAD_KAFKA_FILE",
        help="Address and login of an administrator; the stack's own where none is given.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


@app.command("diff")
def show(kafka: KafkaFile = None, as_json: AsJson = False) -> None:
    """Show how the broker differs from what is declared: 0 not at all, 1 it does."""
    diff = _run(kafka, plan)
    _tell(diff.changes, as_json=as_json, done="The broker is as declared.")
    if diff:
        raise typer.Exit(FAILED)


@app.command("apply")
def make(kafka: KafkaFile = None, as_json: AsJson = False) -> None:
    """Make topics and rights as declared, and show what was done; again and again is fine."""
    diff = _run(kafka, apply)
    _tell(diff.changes, as_json=as_json, done="The broker was as declared already.")
    if not all(change.is_made_by_apply for change in diff.changes):
        raise typer.Exit(FAILED)


def _run(kafka: Path | None, work: "Callable[..., Diff]") -> "Diff":
    file = kafka or Home.from_environment().secrets / "kafka" / "admin.json"
    if not file.exists():
        _stop(f"There is no {file}: start the stack (samraad up), or name one with --kafka.")
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
        _stop(f"No broker lets us in at {address}: it is not running, or the login is wrong.")
    try:
        # The inspector's login lies beside the administrator's where the stack has one.
        return work(admin, inspector=(file.parent / "inspector.json").exists())
    except (KafkaException, TopicsNotReady) as error:
        _stop(f"The broker at {address} did not do it: {error}", code=FAILED)


def _stop(sentence: str, *, code: int = NOT_RUNNING) -> NoReturn:
    Console(stderr=True).print(sentence, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def _tell(changes: "Sequence[Change]", *, as_json: bool, done: str) -> None:
    if as_json:
        told = [
            {
                "kind": change.kind.value,
                "what": change.what,
                "detail": change.detail,
                "made_by_apply": change.is_made_by_apply,
            }
            for change in changes
        ]
        typer.echo(json.dumps(told, indent=1))
        return
    console = Console()
    if not changes:
        console.print(done, markup=False)
        return
    table = Table("What", "Topic or user", "Detail", box=None, header_style="bold")
    for change in changes:
        table.add_row(change.kind.value, change.what, change.detail)
    console.print(table)
