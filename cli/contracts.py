"""`samraad contracts`: what everybody relies on, and whether a change breaks with it."""

from enum import StrEnum
from typing import Annotated

import typer

from cli.reach import AsJson, Exit, print_json, say, stop
from deploy.asyncapi import describe
from deploy.contracts import ContractsBroken, examine
from deploy.contracts import publish as write
from deploy.embedded.paths import CLONE
from deploy.history import sees_history

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Contracts: check that nothing published breaks, publish what grew.",
)


class Participant(StrEnum):
    """Whose AsyncAPI document it is."""

    INTAKE = "intake"
    MEDIATION = "mediation"
    PSP = "psp"
    NOTIFY = "notify"
    PARTNER = "partner"


@app.command()
def check(as_json: AsJson = False) -> None:
    """Compare the code with all that was ever published: 0 it only grew and is committed, else 1."""
    found = examine(CLONE)
    if as_json:
        print_json([{"kind": one.kind, "sentence": one.sentence} for one in found], indent=1)
    else:
        for one in found:
            typer.echo(one.sentence)
    if not sees_history(CLONE):
        say("Git does not show the whole history here: what was taken out of it is not seen.")
    if found:
        raise typer.Exit(Exit.FAILED)
    say("Nothing that was published breaks, and all that is published is committed.")


@app.command()
def publish() -> None:
    """Write schemas, AsyncAPI and a revision of what grew; refuse (5) where something breaks."""
    try:
        written = write(CLONE)
    except ContractsBroken as broken:
        for one in broken.findings:
            typer.echo(one.sentence)
        stop("Nothing was written.", Exit.REFUSED)
    for path in written:
        typer.echo(path)
    say("Commit these." if written else "Everything is published already.")


@app.command()
def asyncapi(
    participant: Annotated[Participant, typer.Argument(help="A service, or partner.")],
) -> None:
    """Print the AsyncAPI 3 document of a service, or of any partner."""
    print_json(describe(participant.value), indent=1)
