"""`samraad parked`: what stands still at each service and why, tried again or given up."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from cli.parked_rows import (
    OfService,
    Parked,
    Yes,
    ask_all,
    confirm,
    moment,
    of_one_service,
    parked_rows,
)
from cli.reach import AsJson, Exit, Running, print_json, reach, say, stop

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="What stands still and why: try it again in order, or give it up.",
)

AT_ONCE = 50
"""Rows that a service tries again for one request."""
REHEARSED = 200
"""Cases that a dry run tries."""
NAMED = 3
"""Cases that are named of each cause, where all are listed."""

Id = Annotated[str, typer.Argument(metavar="ID", help="As `samraad parked list` shows it.")]
Cause = Annotated[
    str | None,
    typer.Option("--cause", metavar="CAUSE", help="All of one cause, as `parked list` names it."),
]
ACTS = {
    "parked_redrive": "tried again",
    "parked_discard": "gave up",
    "parked_accept_gap": "went on without",
    "parked_resume": "let go on",
    "parked_go_on": "went on above",
}


@app.command("list")
def show_all(service: OfService = None, cause: Cause = None, as_json: AsJson = False) -> None:
    """Show what stands still, by cause: why, at which service, since when, which cases."""
    running = reach()
    rows, silent = parked_rows(running, service, cause=cause)
    if as_json:
        print_json([{"service": one.service, **one.row} for one in rows], indent=1)
    elif rows:
        by_cause = sorted(rows, key=lambda one: (one.service, str(one.row["cause"])))
        groups = [
            list(each)
            for _, each in groupby(by_cause, key=lambda one: (one.service, one.row["cause"]))
        ]
        for each in sorted(groups, key=lambda group: min(one.since for one in group)):
            _show_cause(each, named=NAMED if cause is None else len(each))
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
        **running.request(found.service, "GET", f"/parked/{quote(row_id)}"),
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
        str | None, typer.Argument(metavar="[ID]", help="One event; or name a case or a cause.")
    ] = None,
    case: Annotated[
        str | None, typer.Option("--case", metavar="CASE", help="All that stands still of a case.")
    ] = None,
    cause: Cause = None,
    service: OfService = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why; it is kept in the audit log.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Try again, in order, with all that waits behind it: 0 when nothing is left standing.

    First it is tried without keeping anything, and what would come of it is shown.
    """
    if sum(each is not None for each in (row_id, case, cause)) != 1:
        stop("Name one event, a case with --case, or a cause with --cause.", Exit.WRONG_USE)
    running = reach()
    if row_id is not None:
        meant, what = [_one(running, row_id, service)], row_id
    elif case is not None:
        meant = _of_case(running, case, service)
        what = f"case {meant[0].case}"
    else:
        rows, _ = parked_rows(running, service, cause=cause)
        meant = of_one_service(rows, "Nothing stands still of this cause.")
        what = f"all of cause {cause}"
    at = meant[0].service
    meant = list({one.case_id or one.id: one for one in meant}.values())
    would = _rehearsed(running, meant) if dry_run or not yes else []
    if dry_run and as_json:
        print_json({"service": at, "meant": len(meant), "would": would}, indent=1)
    elif would:
        _show_plan(meant, would)
    if dry_run:
        return
    confirm(f"Try {what} at {at} again?", yes=yes)
    said = {} if reason is None else {"reason": reason}
    told = _redriven(running, meant, said, quiet=as_json)
    if as_json:
        print_json({"service": at, **told})
    else:
        untried = f", {told['untried']} not tried" if told["untried"] else ""
        say(f"{told['redriven']} done, {told['left']} left{untried}.")
    if told["untried"]:
        say("None went on: the cause is not mended. What was not tried stands as it stood.")
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
    """Give an event up for a reason; what waits behind it goes on as if it had not been."""
    if not reason.strip():
        stop("A discard needs a reason.", Exit.WRONG_USE)
    running = reach()
    found = _one(running, row_id, service)
    if not as_json:
        say(_meaning(found))
    confirm(f"Give {row_id} at {found.service} up, for good?", yes=yes)
    told = running.request(found.service, "POST", "/discard", {"id": row_id, "reason": reason})
    if as_json:
        print_json({"service": found.service, **told})
    else:
        say(f"{row_id} at {found.service} was given up.")


@app.command("log")
def show_log(
    service: OfService = None,
    last: Annotated[int, typer.Option("--last", min=1, max=1_000, help="How many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show what operators did about it: who, when, what, why and by what right; newest first."""
    told, silent = ask_all(reach(), service, f"/log?most={last}")
    rows = [{"service": name, **row} for name, each in told.items() for row in each]
    rows = sorted(rows, key=lambda row: str(row["at"]), reverse=True)[:last]
    if as_json:
        print_json(rows, indent=1)
    elif not rows:
        Console().print("Nothing was done about anything.")
    else:
        console = Console(soft_wrap=True, highlight=False)
        for row in rows:
            act = ACTS.get(str(row["action"]), str(row["action"]))
            console.print(Text(f"{moment(row['at'])}  {row['who']} at {row['service']}: {act}"))
            console.print(Text(f"  what   {row['what']}"))
            console.print(Text(f"  why    {row['why']}"))
            console.print(Text(f"  basis  {row['basis']} ({row['regime']}, {row['controller']})"))
    if silent:
        raise typer.Exit(Exit.FAILED)


def _show_cause(rows: Sequence[Parked], *, named: int) -> None:
    """Show one cause on lines of its own: ids must stay whole to be copied."""
    first, cases = rows[0], {one.case_id for one in rows if one.case_id is not None}
    behind = sum(one.behind for one in {one.case_id: one for one in rows}.values())
    many = f"{len(rows)} event{'s' * (len(rows) > 1)}"
    many += f" of {len(cases)} case{'s' * (len(cases) > 1)}" if cases else ", no case"
    waiting = f", {behind} behind" if behind else ""
    console = Console(soft_wrap=True, highlight=False)
    head = Text(f"{first.service}  {many}", style="bold")
    console.print(head + Text(f"{waiting}, since {first.since}", style="not bold"))
    console.print(Text(f"  why    {first.row.get('reason') or first.row['state']}"))
    console.print(Text(f"  cause  {first.row['cause']}"))
    for one in rows[:named]:
        waits = f", {one.behind} behind it" if one.behind else ""
        console.print(Text(f"  {one.case}, since {one.since}{waits}"))
        console.print(Text(f"    id   {one.id}"))
    if len(rows) > named:
        more = f"samraad parked list --service {first.service} --cause {first.row['cause']}"
        console.print(Text(f"  and {len(rows) - named} more: {more}"))


def _show_plan(meant: Sequence[Parked], would: Sequence[dict[str, Any]]) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    names = {one.case_id or one.id: one for one in meant}
    for told in would[:NAMED]:
        one = names[told["case_id"] or told["id"]]
        outcome = "cannot be tried ahead" if told["done"] is None else _outcome(told)
        console.print(Text(f"  {one.case}  {one.id}: {outcome}"))
    if len(would) > NAMED:
        console.print(Text(f"  and {len(would) - NAMED} more"))
    known = [told for told in would if told["done"] is not None]
    go_on = sum(not told["left"] for told in known)
    sentence = f"{len(meant)} to try again"
    if known:
        sentence += f"; of {len(known)} that were tried ahead, {go_on} would go on"
    if len(known) > go_on:
        sentence += f" and {len(known) - go_on} would stand still again"
    say(f"{sentence}.")


def _outcome(told: dict[str, Any]) -> str:
    return f"{told['done']} would be done, {told['left']} left"


def _rehearsed(running: Running, meant: Sequence[Parked]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    for ids in _chunks(meant[:REHEARSED]):
        told += running.request(meant[0].service, "POST", "/rehearse", {"ids": ids})
    return told


def _redriven(
    running: Running, meant: Sequence[Parked], said: dict[str, str], *, quiet: bool
) -> dict[str, int]:
    """Try all again, oldest first; where a whole lot fails, the others are spared."""
    told = {"redriven": 0, "left": 0, "untried": 0}
    chunks = _chunks(meant)
    console = Console(stderr=True)
    shown = quiet or not console.is_terminal or len(chunks) == 1
    for at, ids in enumerate(track(chunks, "Trying again", disable=shown, console=console), 1):
        answer = running.request(meant[0].service, "POST", "/redrive", {"ids": ids, **said})
        told["redriven"] += answer["redriven"]
        told["left"] += answer["left"]
        if not answer["redriven"] and at < len(chunks):
            told["untried"] = sum(map(len, chunks[at:]))
            break
    return told


def _chunks(rows: Sequence[Parked]) -> list[list[str]]:
    return [[one.id for one in rows[at : at + AT_ONCE]] for at in range(0, len(rows), AT_ONCE)]


def _meaning(found: Parked) -> str:
    """Say what it means to give this up."""
    if found.case_id is not None:
        waits = f" the {found.behind} that wait behind it go" if found.behind else " the case goes"
        return (
            f"This event of {found.case} will never have its effect at {found.service};{waits} on "
            "as if it had not been. Other services are not told. It cannot be taken back."
        )
    if found.row["state"] == "undeliverable":
        return "These messages will never be sent, and what they say is lost. It cannot be undone."
    return (
        "This record will never be taken in, and whoever sent it gets no answer: tell them to send "
        "it again. It cannot be taken back."
    )


def _one(running: Running, row_id: str, service: str | None) -> Parked:
    rows, _ = parked_rows(running, service)
    return of_one_service(
        [one for one in rows if one.id == row_id], "There is no such parked event."
    )[0]


def _of_case(running: Running, case: str, service: str | None) -> list[Parked]:
    rows, _ = parked_rows(running, service)
    found = [one for one in rows if case.lower() in {one.case_id, one.case.lower()}]
    return of_one_service(found, "No event of this case stands still.")
