"""`samraad parked`: what stands still at each service and why, tried again or given up."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.names import case_name
from cli.reach import SERVICES, AsJson, Exit, Running, print_json, reach, say, stop

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="What stands still and why: try it again in order, or give it up.",
)

WAITING = "waiting"
"""The state of an event that stands behind a parked one."""

OfService = Annotated[
    str | None,
    typer.Option("--service", metavar="NAME", help=f"One of {', '.join(SERVICES)} alone."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `samraad parked list` shows it.")]


@dataclass(frozen=True, slots=True)
class Parked:
    """One row of one service."""

    service: str
    row: dict[str, Any]

    @property
    def id(self) -> str:
        """Its id, within its service."""
        return str(self.row["id"])

    @property
    def case_id(self) -> str | None:
        """The case that stands still; None for a record that belongs to none."""
        case_id = self.row.get("case_id")
        return None if case_id is None else str(case_id)

    @property
    def case(self) -> str:
        """What people call the case, where its topic tells the process."""
        if self.case_id is None:
            return ""
        return case_name(self.case_id, str(self.row.get("topic")))

    @property
    def since(self) -> str:
        """When it was parked."""
        return f"{datetime.fromisoformat(str(self.row['at'])).astimezone():%Y-%m-%d %H:%M:%S}"


@app.command("list")
def show_all(service: OfService = None, as_json: AsJson = False) -> None:
    """Show what stands still: at which service, which case, why, since when, how many behind it."""
    rows, silent = _rows(reach(), service)
    behind = Counter((one.service, one.case_id) for one in rows if one.row["state"] == WAITING)
    parked = [one for one in rows if one.row["state"] != WAITING]
    if as_json:
        print_json(
            [
                {
                    "service": one.service,
                    **one.row,
                    "behind": behind[one.service, one.case_id] if one.case_id else 0,
                }
                for one in parked
            ],
            indent=1,
        )
    elif parked:
        for one in parked:
            _show(one, behind[one.service, one.case_id] if one.case_id else 0)
    elif not silent:
        Console().print("Nothing stands still.")
    if silent:
        raise typer.Exit(Exit.FAILED)


@app.command("show")
def show_one(row_id: Id, service: OfService = None, as_json: AsJson = False) -> None:
    """Show one parked event: where it lies, its headers, its size; what it says stays masked."""
    running = reach()
    found = _one(running, row_id, service)
    told = {
        "service": found.service,
        **running.told(found.service, "GET", f"/parked/{quote(row_id)}"),
    }
    if as_json:
        print_json(told, indent=1)
        return
    table = Table(box=None, show_header=False)
    for name, value in told.items():
        if isinstance(value, dict):
            shown = "\n".join(f"{header}: {size} bytes" for header, size in value.items())
        else:
            shown = "" if value is None else str(value)
        table.add_row(Text(name, style="bold"), Text(shown, overflow="fold"))
    Console().print(table)


@app.command("redrive")
def redrive(
    row_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One event; or name a case.")
    ] = None,
    case: Annotated[
        str | None, typer.Option("--case", metavar="CASE", help="All that stands still of a case.")
    ] = None,
    service: OfService = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Try again, in order, with all that waits behind it: 0 when nothing is left standing."""
    if (row_id is None) == (case is None):
        stop("Name one event, or a case with --case.", Exit.WRONG_USE)
    running = reach()
    if row_id is not None:
        found = _one(running, row_id, service)
        asked, what = {"id": found.id}, f"{found.id} at {found.service}"
    else:
        found = _of_case(running, str(case), service)
        asked, what = {"case_id": str(found.case_id)}, f"case {found.case} at {found.service}"
    _confirm(f"Try {what} again?", yes=yes)
    told = running.told(found.service, "POST", "/redrive", asked)
    if as_json:
        print_json({"service": found.service, **told})
    else:
        say(f"{told['redriven']} done, {told['left']} left.")
    if told["left"]:
        raise typer.Exit(Exit.FAILED)


@app.command("discard")
def discard(
    row_id: Id,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit log.")],
    service: OfService = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Give an event up for a reason; what waits behind it goes on."""
    if not reason.strip():
        stop("A discard needs a reason.", Exit.WRONG_USE)
    running = reach()
    found = _one(running, row_id, service)
    _confirm(f"Give {row_id} at {found.service} up, for good?", yes=yes)
    told = running.told(found.service, "POST", "/discard", {"id": row_id, "reason": reason})
    if as_json:
        print_json({"service": found.service, **told})
    else:
        say(f"{row_id} at {found.service} was given up.")


def _show(one: Parked, behind: int) -> None:
    """Show one on lines of its own: ids must stay whole to be copied."""
    waiting = f", {behind} behind it" if behind else ""
    reason = str(one.row.get("reason") or one.row["state"])
    console = Console(soft_wrap=True, highlight=False)
    head = Text(f"{one.service}  {one.case or 'no case'}", style="bold")
    console.print(head + Text(f"  since {one.since}{waiting}", style="not bold"))
    console.print(Text(f"  why  {reason}"))
    console.print(Text(f"  id   {one.id}"))


def _rows(running: Running, service: str | None) -> tuple[list[Parked], list[str]]:
    """Give all rows of all services (or of one), and the services that do not answer."""
    rows: list[Parked] = []
    silent = []
    if service is not None and service not in SERVICES:
        stop(f"The services are {', '.join(SERVICES)}.", Exit.WRONG_USE)
    asked = SERVICES if service is None else (service,)
    for name in asked:
        try:
            answer = running.ask(name, "GET", "/parked")
        except (httpx.TransportError, OSError):
            silent.append(name)
            continue
        if not answer.is_success:
            stop(f"{name} answered {answer.status_code}.", Exit.REFUSED)
        rows += [Parked(name, row) for row in answer.json()]
    if len(silent) == len(asked):
        stop("No service answers: see `samraad status`.", Exit.NOT_RUNNING)
    for name in silent:
        say(f"{name} does not answer: what stands still there is not shown.")
    return rows, silent


def _one(running: Running, row_id: str, service: str | None) -> Parked:
    rows, _ = _rows(running, service)
    return _only([one for one in rows if one.id == row_id], "There is no such parked event.")


def _of_case(running: Running, case: str, service: str | None) -> Parked:
    rows, _ = _rows(running, service)
    found = {one.service: one for one in rows if case.lower() in {one.case_id, one.case.lower()}}
    return _only(list(found.values()), "No event of this case stands still.")


def _only(found: list[Parked], nothing: str) -> Parked:
    if not found:
        stop(nothing, Exit.FAILED)
    if len(found) > 1:
        names = ", ".join(one.service for one in found)
        stop(f"It stands still at {names}: say which with --service.", Exit.WRONG_USE)
    return found[0]


def _confirm(question: str, *, yes: bool) -> None:
    if not yes and not typer.confirm(question):
        stop("Nothing was done.", Exit.FAILED)
