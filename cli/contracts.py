"""`samraad contracts`: checks that a change is compatible with the published contracts."""

from typing import Annotated, Final

import typer

from cli.reach import SERVICES, AsJson, Exit, print_json, say, stop
from deploy.contracts import ContractsBroken, examine
from deploy.contracts import publish as write
from deploy.embedded.paths import CLONE
from deploy.history import sees_history
from shared.contracts.asyncapi import PARTNER
from shared.contracts.describe import describe

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Contracts: check compatibility with everything published, publish additions.",
)


PARTICIPANTS: Final = (*SERVICES, PARTNER)
"""Each has an AsyncAPI document."""


@app.command()
def check(as_json: AsJson = False) -> None:
    """Compare the code with everything published: 0 compatible and committed, else 1."""
    found = examine(CLONE)
    if as_json:
        print_json([{"kind": one.kind, "sentence": one.sentence} for one in found], indent=1)
    else:
        for one in found:
            typer.echo(one.sentence)
    if not sees_history(CLONE):
        say("Git does not show the whole history here: removed contracts are not checked.")
    if found:
        raise typer.Exit(Exit.FAILED)
    say("All changes are compatible, and everything published is committed.")


@app.command()
def publish() -> None:
    """Write schemas, AsyncAPI and new revisions; refuse (5) an incompatible change."""
    try:
        written = write(CLONE)
    except ContractsBroken as broken:
        for one in broken.findings:
            typer.echo(one.sentence)
        stop("Nothing was written.", Exit.REFUSED)
    for path in written:
        typer.echo(path)
    say("Commit these." if written else "Everything is already published.")


@app.command()
def asyncapi(
    participant: Annotated[
        str, typer.Argument(metavar="|".join(PARTICIPANTS), help="A service, or partner.")
    ],
) -> None:
    """Print the AsyncAPI 3 document of a service, or of any partner."""
    if participant not in PARTICIPANTS:
        stop(f"A participant is one of {', '.join(PARTICIPANTS)}.", Exit.WRONG_USE)
    print_json(describe(participant), indent=1)
