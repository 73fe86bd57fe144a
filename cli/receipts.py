"""`samraad receipts`: the receipts of a partner."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.identity import As, CredentialsFile, find
from cli.letterbox import Answer, Replies
from cli.names import case_name
from cli.reach import AsJson, print_json, say

__all__ = ["add_answer", "answers_table", "app"]

app = typer.Typer()

_ONE_LOOK = 0.5


@app.command()
def receipts(
    as_id: As = None,
    credentials_file: CredentialsFile = None,
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="R", help="Only of this reference.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show new answers until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show a partner's receipts, oldest first; the topic keeps them for 14 days."""
    replies = Replies(find(as_id, credentials_file), from_start=True)
    console, seen = Console(), 0
    try:
        while follow or not replies.is_read_out:
            answers = replies.take(_ONE_LOOK)
            wanted = [one for one in answers if reference in (None, one.reference)]
            if wanted:
                _show(wanted, console, as_json=as_json, headed=seen == 0)
            seen += len(wanted)
    except KeyboardInterrupt:
        pass
    finally:
        replies.close()
    if not seen:
        say("There is no receipt." if reference is None else "There is no receipt of that report.")


def answers_table(*, first: str | None = None, headed: bool = True) -> Table:
    """Return a table for answers; `first` is the heading of a column before the reference."""
    table = Table(box=None, show_header=headed, pad_edge=False)
    for column in (*(() if first is None else (first,)), "Reference", "Answer", "Case"):
        table.add_column(column, no_wrap=True)
    for column in ("Field", "What is wrong"):
        table.add_column(column, overflow="fold")
    return table


def add_answer(table: Table, head: Sequence[str], errors: Sequence[Mapping[str, Any]] = ()) -> None:
    """Add an answer: one line, and one more for each further error. `head` has the first cells."""
    for index, error in enumerate(errors or [{}]):
        cells = head if index == 0 else [""] * len(head)
        wrong = f"{error.get('rule')}: {error.get('message')}" if error else ""
        table.add_row(*(Text(cell) for cell in (*cells, str(error.get("field", "")), wrong)))


def _show(answers: Sequence[Answer], console: Console, *, as_json: bool, headed: bool) -> None:
    table = answers_table(first="Time", headed=headed)
    for answer in answers:
        if as_json:
            print_json(answer.as_document())
        time = f"{answer.at.astimezone():%d.%m. %H:%M:%S}"
        case = answer.case_shown(case_name(answer.case_id, "") if answer.case_id else "")
        add_answer(table, (time, answer.reference, answer.status, case), answer.errors)
    if not as_json:
        console.print(table)
