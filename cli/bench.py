"""`samraad bench`: speed, as ratios measured side by side on this machine."""

import subprocess
import sys
from typing import Annotated

import typer

from deploy.embedded.paths import CLONE

app = typer.Typer()


@app.command()
def bench(
    runs: Annotated[int, typer.Option(help="Runs of each contender, by turns.")] = 5,
    events: Annotated[int, typer.Option(help="Events in each run.")] = 40_000,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the engine beside a bare loop and the tutorial way, on brokers of its own."""
    command = [sys.executable, "-m", "bench", "--runs", str(runs), "--events", str(events)]
    ended = subprocess.run([*command, *(["--json"] if json else [])], cwd=CLONE, check=False)
    raise typer.Exit(min(ended.returncode, 1))
