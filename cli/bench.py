"""`samraad bench`: speed, as ratios measured on this machine."""

import subprocess
import sys
from typing import Annotated

import typer

from deploy.embedded.paths import CLONE

app = typer.Typer()


@app.command()
def bench(
    only: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SUBJECT",
            help="pipeline, framework, relay, intake, stages, cases, partitions, memory, thrift, "
            "latency; all by default.",
        ),
    ] = None,
    runs: Annotated[int, typer.Option(help="Runs of each contender, in turn.")] = 5,
    events: Annotated[int, typer.Option(help="Events in each run.")] = 40_000,
    *,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the figures in docs/bench.json and docs/bench.md.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the engine with bare loops and the tutorial's way, on a separate stack."""
    command = [sys.executable, "-m", "bench", *(only or [])]
    command += ["--runs", str(runs), "--events", str(events)]
    command += [option for option, given in (("--save", save), ("--json", json)) if given]
    ended = subprocess.run(command, cwd=CLONE, check=False)
    raise typer.Exit(min(ended.returncode, 1))
