"""`samraad halts`: partitions that stand still and cases that wait, and what to do about each."""

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
    help="Partitions that stand still and cases that wait, and what to do about each.",
)

Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the audit log.")]
Late = Annotated[
    float,
    typer.Option("--late", min=0, metavar="SECONDS", help="Show cases that wait for so long."),
]
LATE_S = 60.0
MANY = 5
"""Facts of a case that are named."""


@app.command("list")
def show_all(service: OfService = None, late: Late = LATE_S, as_json: AsJson = False) -> None:
    """Show what stands still until a person acts: 0 if nothing does, 1 if something does."""
    running = reach()
    halts = _halts(running, service)
    gaps, silent = ask_all(running, service, f"/gaps?late_s={late}")
    waiting = [{"service": name, **gap} for name, each in gaps.items() for gap in each]
    stores, unknown = _put_back(running, service)
    if as_json:
        told = {"partitions": halts, "cases": waiting, "stores": stores, "unknown": unknown}
        print_json(told, indent=1)
    else:
        console = Console(soft_wrap=True, highlight=False)
        for halt in halts:
            console.print(Text(f"{halt['service']}  {halt['lane']} stands still", style="bold"))
            console.print(Text(f"  why  {halt['reason']}"))
            console.print(Text(f"  do   {halt['way_on']}"))
        for gap in waiting:
            _show_gap(console, gap)
        for store in stores:
            _show_store(console, store)
        for case in unknown:
            _show_unknown(console, case)
        if not any((halts, waiting, stores, unknown, silent)):
            console.print("Nothing stands still.")
    if any((halts, waiting, stores, unknown, silent)):
        raise typer.Exit(Exit.FAILED)


@app.command("resume")
def resume(
    lane: Annotated[
        str | None,
        typer.Argument(metavar="[PARTITION]", help="As `samraad halts list` shows it; or all."),
    ] = None,
    service: OfService = None,
    reason: Reason = "the cause was mended",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let partitions that stand still go on from where they stand, once the cause is mended."""
    running = reach()
    halts = [halt for halt in _halts(running, service) if lane in {None, halt["lane"]}]
    if not halts:
        stop("No such partition stands still.", Exit.FAILED)
    confirm(f"Let {', '.join(halt['lane'] for halt in halts)} go on?", yes=yes)
    resumed = 0
    for halt in halts:
        asked = {"lane": halt["lane"], "reason": reason}
        resumed += running.request(halt["process"], "POST", "/resume", asked)["resumed"]
    if as_json:
        print_json({"resumed": resumed})
    else:
        say(f"{resumed} went on.")


@app.command("accept-gap")
def accept_gap(
    reason: Reason,
    lane: Annotated[
        str | None,
        typer.Argument(metavar="[PARTITION]", help="Whose log has lost its beginning."),
    ] = None,
    case: Annotated[
        str | None, typer.Option("--case", metavar="CASE", help="Or a case that waits in vain.")
    ] = None,
    service: OfService = None,
    late: Late = LATE_S,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Go on without events that are gone: they will never have their effect here."""
    if (lane is None) == (case is None):
        stop("Name a partition, or a case with --case.", Exit.WRONG_USE)
    if not reason.strip():
        stop("To go on without events needs a reason.", Exit.WRONG_USE)
    running = reach()
    if lane is not None:
        meant = [halt for halt in _halts(running, service) if halt["lane"] == lane]
        at = _only(meant, "No such partition stands still.")
        question, process = f"{at['reason']}. Go on without them, for good?", at["process"]
        asked = {"lane": lane, "reason": reason}
    else:
        gaps, _ = ask_all(running, service, f"/gaps?late_s={late}")
        meant = [
            {"service": name, **gap}
            for name, each in gaps.items()
            for gap in each
            if _is(str(case), gap)
        ]
        at = _only(meant, "No such case waits for an event.")
        question, process = f"{_missing(at)} Go on without, for good?", at["service"]
        asked = {name: at[name] for name in ("case_id", "source", "mark")} | {"reason": reason}
    confirm(question, yes=yes)
    told = running.request(process, "POST", "/accept-gap", asked)
    if as_json:
        print_json({"service": at["service"], **told})
    else:
        say("It goes on.")


@app.command("go-on")
def go_on(
    reason: Reason,
    case: Annotated[
        str | None, typer.Option("--case", metavar="CASE", help="A case that `list` shows.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All cases of the service, which is done with.")
    ] = False,
    service: OfService = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """After a restore: let cases go on above facts that were told and are not in the store."""
    if every == (case is not None) or (every and service is None):
        stop("Name a case with --case, or --all of one --service.", Exit.WRONG_USE)
    if not reason.strip():
        stop("To go on needs a reason.", Exit.WRONG_USE)
    running = reach()
    stores, unknown = _put_back(running, service)
    asked: dict[str, Any] = {"reason": reason}
    if every:
        if not stores and not unknown:
            stop("No store was put back.", Exit.FAILED)
        at, question = str(service), f"Let {len(unknown)} cases at {service} go on?"
    else:
        meant = [one for one in unknown if _is(str(case), one)]
        found = _only(meant, "The store knows all that was told of this case.")
        at, asked = found["service"], {**asked, "case_id": found["case_id"]}
        question = f"{_lost(found)} Go on above, for good?"
    confirm(question, yes=yes)
    told = running.request(at, "POST", "/go-on", asked)
    if as_json:
        print_json({"service": at, **told})
    else:
        say(f"It goes on. What stood still for it: samraad parked list --service {at}")


def _put_back(
    running: Running, service: str | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Give the stores that were put back, and the cases of which they do not know all."""
    told, _ = ask_all(running, service, "/put-back")
    stores = [
        {"service": name, **each["put_back"]} for name, each in told.items() if each["put_back"]
    ]
    return stores, [{"service": name, **case} for name in told for case in told[name]["cases"]]


def _is(case: str, row: dict[str, Any]) -> bool:
    return case.lower() in {row["case_id"], case_of(row).lower()}


def _show_store(console: Console, store: dict[str, Any]) -> None:
    since = "an unknown time" if store["from"] is None else moment(store["from"])
    head = f"{store['service']}  its store was put back to {since}"
    console.print(Text(f"{head}, found {moment(store['found_at'])}", style="bold"))
    console.print(
        Text(
            f"  why  {store['facts']} facts of {store['cases']} cases that it had told were not in "
            "it. What it reads from topics it reads again by itself; what staff did since is gone."
        )
    )
    console.print(
        Text(
            "  do   let staff do again what they did since; look at each case below; then: "
            f"samraad halts go-on --service {store['service']} --all --reason …"
        )
    )


def _show_unknown(console: Console, case: dict[str, Any]) -> None:
    console.print(Text(f"{case['service']}  {case_of(case)} is not as it was told", style="bold"))
    console.print(Text(f"  why  {_lost(case)}"))
    console.print(
        Text(
            f"  do   see what was told: samraad watch --case {case_of(case)}; do again what is "
            f"missing; then: samraad halts go-on --service {case['service']} "
            f"--case {case_of(case)} --reason …"
        )
    )


def _lost(case: dict[str, Any]) -> str:
    facts = case["facts"]
    shown = ", ".join(f"#{fact['sequence']} {fact['type']}" for fact in facts[:MANY])
    more = f" and {len(facts) - MANY} more" if len(facts) > MANY else ""
    return f"{case['service']} told {shown}{more}, which its store does not know."


def _halts(running: Running, service: str | None) -> list[dict[str, Any]]:
    """Ask every process: a partition stands still in the one that has it."""
    told, _ = ask_all(running, service, "/halts")
    found = [{"service": name, "process": name, **halt} for name in told for halt in told[name]]
    for name in told:
        for process in running.processes(name):
            if process == name:
                continue
            try:
                answer = running.ask(process, "GET", "/halts")
            except (httpx.TransportError, OSError):
                continue  # a copy that does not run has no partition
            if answer.is_success:
                found += [{"service": name, "process": process, **halt} for halt in answer.json()]
    return found


def _show_gap(console: Console, gap: dict[str, Any]) -> None:
    head = f"{gap['service']}  {case_of(gap)} waits since {moment(gap['since'])}"
    console.print(Text(head, style="bold"))
    console.print(Text(f"  why  {_missing(gap)}"))
    console.print(
        Text(
            "  do   find out why it was never told; if it is gone: samraad halts accept-gap "
            f"--service {gap['service']} --case {case_of(gap)} --reason …"
        )
    )


def _missing(gap: dict[str, Any]) -> str:
    first, last = int(gap["mark"]) + 1, int(gap["next"]) - 1
    which = f"#{first} has" if first == last else f"#{first} to #{last} have"
    return f"{which} not come from {gap['source']}, and {gap['waiting']} wait for it."


def _only(found: list[dict[str, Any]], nothing: str) -> dict[str, Any]:
    if not found:
        stop(nothing, Exit.FAILED)
    if len(found) > 1:
        names = ", ".join(dict.fromkeys(one["service"] for one in found))
        stop(f"It stands still at {names}: say which with --service.", Exit.WRONG_USE)
    return found[0]
