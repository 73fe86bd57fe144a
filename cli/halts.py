"""`samraad halts`: halted partitions, waiting cases, restored stores, and what to do."""

from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.text import Text

from cli.parked_rows import OfService, Yes, ask_all, case_of, confirm, moment
from cli.reach import AsJson, Exit, Running, print_json, reach, say, stop

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Halted partitions, waiting cases and restored stores, and what to do about each.",
)

Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit log.")]
Late = Annotated[
    float,
    typer.Option(
        "--late",
        min=0,
        metavar="SECONDS",
        help="Show cases that have waited for at least this time.",
    ),
]
LATE_S = 60.0
MANY = 5
"""The number of facts of a case that are listed."""


@app.command("list")
def show_all(service: OfService = None, late: Late = LATE_S, as_json: AsJson = False) -> None:
    """Show what is halted until a person acts: 0 nothing, 1 at least one thing."""
    running = reach()
    halts = _halts(running, service)
    gaps, silent = ask_all(running, service, f"/gaps?late_s={late}")
    waiting = [{"service": name, **gap} for name, each in gaps.items() for gap in each]
    stores, unknown = _restored(running, service)
    if as_json:
        document = {"partitions": halts, "cases": waiting, "stores": stores, "unknown": unknown}
        print_json(document, indent=1)
    else:
        console = Console(soft_wrap=True, highlight=False)
        for halt in halts:
            console.print(Text(f"{halt['service']}  {halt['lane']} is halted", style="bold"))
            console.print(Text(f"  why  {halt['reason']}"))
            console.print(Text(f"  do   {halt['way_on']}"))
        for gap in waiting:
            _show_gap(console, gap)
        for store in stores:
            _show_store(console, store)
        for case in unknown:
            _show_unknown(console, case)
        if not any((halts, waiting, stores, unknown, silent)):
            console.print("Nothing is halted.")
    if any((halts, waiting, stores, unknown, silent)):
        raise typer.Exit(Exit.FAILED)


@app.command("resume")
def resume(
    lane: Annotated[
        str | None,
        typer.Argument(metavar="[PARTITION]", help="As `samraad halts list` shows it; or all."),
    ] = None,
    service: OfService = None,
    reason: Reason = "the cause was fixed",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Resume halted partitions from their current position, once the cause is fixed."""
    running = reach()
    halts = [halt for halt in _halts(running, service) if lane in {None, halt["lane"]}]
    if not halts:
        stop("No such partition is halted.", Exit.FAILED)
    confirm(f"Resume {', '.join(halt['lane'] for halt in halts)}?", yes=yes)
    resumed = 0
    for halt in halts:
        body = {"lane": halt["lane"], "reason": reason}
        resumed += running.request(halt["process"], "POST", "/resume", body)["resumed"]
    if as_json:
        print_json({"resumed": resumed})
    else:
        say(f"{resumed} resumed.")


@app.command("accept-gap")
def accept_gap(
    reason: Reason,
    lane: Annotated[
        str | None,
        typer.Argument(metavar="[PARTITION]", help="A partition whose log has lost its beginning."),
    ] = None,
    case: Annotated[
        str | None,
        typer.Option("--case", metavar="CASE", help="Or a case that waits for a lost event."),
    ] = None,
    service: OfService = None,
    late: Late = LATE_S,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Continue without events that are lost: they will never have their effect here."""
    if (lane is None) == (case is None):
        stop("Give a partition, or a case with --case.", Exit.WRONG_USE)
    if not reason.strip():
        stop("To continue without events needs a reason.", Exit.WRONG_USE)
    running = reach()
    if lane is not None:
        matching = [halt for halt in _halts(running, service) if halt["lane"] == lane]
        at = _only(matching, "No such partition is halted.")
        question, process = f"{at['reason']}. Continue without them permanently?", at["process"]
        body = {"lane": lane, "reason": reason}
    else:
        gaps, _ = ask_all(running, service, f"/gaps?late_s={late}")
        matching = [
            {"service": name, **gap}
            for name, each in gaps.items()
            for gap in each
            if _is(str(case), gap)
        ]
        at = _only(matching, "No such case waits for an event.")
        question, process = f"{_missing(at)} Continue without them permanently?", at["service"]
        body = {name: at[name] for name in ("case_id", "source", "mark")} | {"reason": reason}
    confirm(question, yes=yes)
    result = running.request(process, "POST", "/accept-gap", body)
    if as_json:
        print_json({"service": at["service"], **result})
    else:
        say("It continues.")


@app.command("go-on")
def go_on(
    reason: Reason,
    case: Annotated[
        str | None, typer.Option("--case", metavar="CASE", help="A case that `list` shows.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All cases of the service; the restore is then finished.")
    ] = False,
    service: OfService = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """After a restore: let cases continue after published facts that the store does not have."""
    if every == (case is not None) or (every and service is None):
        stop("Give a case with --case, or --all with one --service.", Exit.WRONG_USE)
    if not reason.strip():
        stop("To continue needs a reason.", Exit.WRONG_USE)
    running = reach()
    stores, unknown = _restored(running, service)
    body: dict[str, Any] = {"reason": reason}
    if every:
        if not stores and not unknown:
            stop("No store was restored.", Exit.FAILED)
        at, question = str(service), f"Let {len(unknown)} cases at {service} continue?"
    else:
        matching = [one for one in unknown if _is(str(case), one)]
        found = _only(matching, "The store has all published facts of this case.")
        at, body = found["service"], {**body, "case_id": found["case_id"]}
        question = f"{_lost(found)} Continue after them permanently?"
    confirm(question, yes=yes)
    result = running.request(at, "POST", "/go-on", body)
    if as_json:
        print_json({"service": at, **result})
    else:
        say(f"It continues. What was parked meanwhile: samraad parked list --service {at}")


def _restored(
    running: Running, service: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the restored stores, and the cases of which they do not have all published facts."""
    answers, _ = ask_all(running, service, "/put-back")
    stores = [
        {"service": name, **each["put_back"]} for name, each in answers.items() if each["put_back"]
    ]
    return stores, [
        {"service": name, **case} for name in answers for case in answers[name]["cases"]
    ]


def _is(case: str, row: dict[str, Any]) -> bool:
    return case.lower() in {row["case_id"], case_of(row).lower()}


def _show_store(console: Console, store: dict[str, Any]) -> None:
    since = "an unknown time" if store["from"] is None else moment(store["from"])
    head = f"{store['service']}  its store was restored to {since}"
    console.print(Text(f"{head}, found {moment(store['found_at'])}", style="bold"))
    console.print(
        Text(
            f"  why  {store['facts']} facts of {store['cases']} cases that it had published are "
            "not in it. It reads topics again by itself; what staff did since then is lost."
        )
    )
    console.print(
        Text(
            "  do   let staff repeat what they did since then; check each case below; then: "
            f"samraad halts go-on --service {store['service']} --all --reason …"
        )
    )


def _show_unknown(console: Console, case: dict[str, Any]) -> None:
    console.print(Text(f"{case['service']}  {case_of(case)} lacks published facts", style="bold"))
    console.print(Text(f"  why  {_lost(case)}"))
    console.print(
        Text(
            f"  do   see the facts: samraad watch --case {case_of(case)}; repeat what is "
            f"missing; then: samraad halts go-on --service {case['service']} "
            f"--case {case_of(case)} --reason …"
        )
    )


def _lost(case: dict[str, Any]) -> str:
    facts = case["facts"]
    shown = ", ".join(f"#{fact['sequence']} {fact['type']}" for fact in facts[:MANY])
    more = f" and {len(facts) - MANY} more" if len(facts) > MANY else ""
    return f"{case['service']} published {shown}{more}, which its store does not have."


def _halts(running: Running, service: str | None) -> list[dict[str, Any]]:
    """Return the halted partitions of all processes: each process knows its own."""
    answers, _ = ask_all(running, service, "/halts")
    found = [
        {"service": name, "process": name, **halt} for name in answers for halt in answers[name]
    ]
    for name in answers:
        for process in running.processes(name):
            if process == name:
                continue
            try:
                answer = running.ask(process, "GET", "/halts")
            except (httpx.TransportError, OSError):
                continue  # a process that does not run has no partition
            if answer.is_success:
                found += [{"service": name, "process": process, **halt} for halt in answer.json()]
    return found


def _show_gap(console: Console, gap: dict[str, Any]) -> None:
    head = f"{gap['service']}  {case_of(gap)} waits since {moment(gap['since'])}"
    console.print(Text(head, style="bold"))
    console.print(Text(f"  why  {_missing(gap)}"))
    console.print(
        Text(
            "  do   find out why it was never published; if it is lost: samraad halts accept-gap "
            f"--service {gap['service']} --case {case_of(gap)} --reason …"
        )
    )


def _missing(gap: dict[str, Any]) -> str:
    first, last = int(gap["mark"]) + 1, int(gap["next"]) - 1
    which = f"#{first} has" if first == last else f"#{first} to #{last} have"
    return f"{which} not arrived from {gap['source']}; {gap['waiting']} wait for it."


def _only(found: list[dict[str, Any]], nothing: str) -> dict[str, Any]:
    if not found:
        stop(nothing, Exit.FAILED)
    if len(found) > 1:
        names = ", ".join(dict.fromkeys(one["service"] for one in found))
        stop(f"It is at {names}: choose one with --service.", Exit.WRONG_USE)
    return found[0]
