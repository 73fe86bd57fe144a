"""`samraad parked`: the parked events of each service and their causes; redrive or discard them."""

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
    help="Parked events and their causes: redrive them in order, or discard them.",
)

AT_ONCE = 50
"""Rows in one redrive request."""
REHEARSED = 200
"""Cases that a dry run tries at most."""
NAMED = 3
"""Cases that are shown for each cause in the list of all causes."""

Id = Annotated[str, typer.Argument(metavar="ID", help="As `samraad parked list` shows it.")]
Cause = Annotated[
    str | None,
    typer.Option("--cause", metavar="CAUSE", help="All with one cause, as `parked list` shows it."),
]
ACTS = {
    "parked_redrive": "redrove",
    "parked_discard": "discarded",
    "parked_accept_gap": "continued without",
    "parked_resume": "resumed",
    "parked_go_on": "continued after",
}


@app.command("list")
def show_all(service: OfService = None, cause: Cause = None, as_json: AsJson = False) -> None:
    """Show parked events by cause: the reason, the service, since when, which cases."""
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
        Console().print("Nothing is parked.")
    if silent:
        raise typer.Exit(Exit.FAILED)


@app.command("show")
def show_one(row_id: Id, service: OfService = None, as_json: AsJson = False) -> None:
    """Show one parked event: its position, its headers, its size; its content stays masked."""
    running = reach()
    found = _one(running, row_id, service)
    document = {
        "service": found.service,
        **running.request(found.service, "GET", f"/parked/{quote(row_id)}"),
    }
    if as_json:
        print_json(document, indent=1)
        return
    table = Table(box=None, show_header=False)
    for name, value in document.items():
        if isinstance(value, dict):
            shown = "\n".join(f"{header}: {size} bytes" for header, size in value.items())
        else:
            shown = "" if value is None else str(value)
        table.add_row(Text(name, style="bold"), Text(shown, overflow="fold"))
    Console().print(table)


@app.command("redrive")
def redrive(
    row_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One event; or give a case or a cause.")
    ] = None,
    case: Annotated[
        str | None, typer.Option("--case", metavar="CASE", help="All parked events of a case.")
    ] = None,
    cause: Cause = None,
    service: OfService = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why; it is kept in the audit log.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the outcome, and change nothing.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Redrive in order, with all that waits behind it: 0 when nothing is left parked.

    First it is tried without keeping anything, and the outcome is shown.
    """
    if sum(each is not None for each in (row_id, case, cause)) != 1:
        stop("Give one event, a case with --case, or a cause with --cause.", Exit.WRONG_USE)
    running = reach()
    if row_id is not None:
        selected, what = [_one(running, row_id, service)], row_id
    elif case is not None:
        selected = _of_case(running, case, service)
        what = f"case {selected[0].case}"
    else:
        rows, _ = parked_rows(running, service, cause=cause)
        selected = of_one_service(rows, "Nothing is parked with this cause.")
        what = f"all with cause {cause}"
    at = selected[0].service
    selected = list({one.case_id or one.id: one for one in selected}.values())
    would = _rehearsed(running, selected) if dry_run or not yes else []
    if dry_run and as_json:
        print_json({"service": at, "meant": len(selected), "would": would}, indent=1)
    elif would:
        _show_plan(selected, would)
    if dry_run:
        return
    confirm(f"Redrive {what} at {at}?", yes=yes)
    given = {} if reason is None else {"reason": reason}
    result = _redriven(running, selected, given, quiet=as_json)
    if as_json:
        print_json({"service": at, **result})
    else:
        untried = f", {result['untried']} not tried" if result["untried"] else ""
        say(f"{result['redriven']} done, {result['left']} left{untried}.")
    if result["untried"]:
        say("None succeeded: the cause is not fixed. What was not tried is unchanged.")
    if result["left"]:
        raise typer.Exit(Exit.FAILED)


@app.command("discard")
def discard(
    row_id: Id,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit log.")],
    service: OfService = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Discard an event for a reason; what waits behind it continues without it."""
    if not reason.strip():
        stop("A discard needs a reason.", Exit.WRONG_USE)
    running = reach()
    found = _one(running, row_id, service)
    if not as_json:
        say(_meaning(found))
    confirm(f"Discard {row_id} at {found.service} permanently?", yes=yes)
    result = running.request(found.service, "POST", "/discard", {"id": row_id, "reason": reason})
    if as_json:
        print_json({"service": found.service, **result})
    else:
        say(f"{row_id} at {found.service} was discarded.")


@app.command("log")
def show_log(
    service: OfService = None,
    last: Annotated[int, typer.Option("--last", min=1, max=1_000, help="How many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the acts of operators: who, when, what, why and the legal basis; newest first."""
    logs, silent = ask_all(reach(), service, f"/log?most={last}")
    rows = [{"service": name, **row} for name, each in logs.items() for row in each]
    rows = sorted(rows, key=lambda row: str(row["at"]), reverse=True)[:last]
    if as_json:
        print_json(rows, indent=1)
    elif not rows:
        Console().print("No act of an operator is logged.")
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
    """Show one cause, with ids on lines of their own so that they can be copied."""
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


def _show_plan(selected: Sequence[Parked], would: Sequence[dict[str, Any]]) -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    names = {one.case_id or one.id: one for one in selected}
    for trial in would[:NAMED]:
        one = names[trial["case_id"] or trial["id"]]
        outcome = "cannot be tried first" if trial["done"] is None else _outcome(trial)
        console.print(Text(f"  {one.case}  {one.id}: {outcome}"))
    if len(would) > NAMED:
        console.print(Text(f"  and {len(would) - NAMED} more"))
    known = [trial for trial in would if trial["done"] is not None]
    succeeding = sum(not trial["left"] for trial in known)
    sentence = f"{len(selected)} to redrive"
    if known:
        sentence += f"; of {len(known)} that were tried first, {succeeding} would succeed"
    if len(known) > succeeding:
        sentence += f" and {len(known) - succeeding} would be parked again"
    say(f"{sentence}.")


def _outcome(trial: dict[str, Any]) -> str:
    return f"{trial['done']} would be done, {trial['left']} left"


def _rehearsed(running: Running, selected: Sequence[Parked]) -> list[dict[str, Any]]:
    trials: list[dict[str, Any]] = []
    for ids in _chunks(selected[:REHEARSED]):
        trials += running.request(selected[0].service, "POST", "/rehearse", {"ids": ids})
    return trials


def _redriven(
    running: Running, selected: Sequence[Parked], given: dict[str, str], *, quiet: bool
) -> dict[str, int]:
    """Redrive all, oldest first; stop after a request in which every row failed."""
    result = {"redriven": 0, "left": 0, "untried": 0}
    chunks = _chunks(selected)
    console = Console(stderr=True)
    shown = quiet or not console.is_terminal or len(chunks) == 1
    for at, ids in enumerate(track(chunks, "Redriving", disable=shown, console=console), 1):
        answer = running.request(selected[0].service, "POST", "/redrive", {"ids": ids, **given})
        result["redriven"] += answer["redriven"]
        result["left"] += answer["left"]
        if not answer["redriven"] and at < len(chunks):
            result["untried"] = sum(map(len, chunks[at:]))
            break
    return result


def _chunks(rows: Sequence[Parked]) -> list[list[str]]:
    return [[one.id for one in rows[at : at + AT_ONCE]] for at in range(0, len(rows), AT_ONCE)]


def _meaning(found: Parked) -> str:
    """Return what discarding this means."""
    if found.case_id is not None:
        waits = f" the {found.behind} behind it continue" if found.behind else " the case continues"
        return (
            f"This event of {found.case} will never have its effect at {found.service};{waits} "
            "without it. Other services learn nothing of it. It cannot be undone."
        )
    if found.row["state"] == "undeliverable":
        return "These messages will never be sent, and their content is lost. It cannot be undone."
    return (
        "This record will never be processed, and its sender gets no answer: ask for it again. "
        "It cannot be undone."
    )


def _one(running: Running, row_id: str, service: str | None) -> Parked:
    rows, _ = parked_rows(running, service)
    return of_one_service(
        [one for one in rows if one.id == row_id], "There is no such parked event."
    )[0]


def _of_case(running: Running, case: str, service: str | None) -> list[Parked]:
    rows, _ = parked_rows(running, service)
    found = [one for one in rows if case.lower() in {one.case_id, one.case.lower()}]
    return of_one_service(found, "No event of this case is parked.")
