"""`samraad manifests`: what follows from the manifests of the services, compared and written."""

import typer

from cli.reach import AsJson, Exit, print_json, say, stop
from deploy.derived import DerivedWrong, differing
from deploy.derived import write as write_all
from deploy.embedded.paths import CLONE

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Manifests of the services: check and write the files that follow from them.",
)


@app.command()
def check(as_json: AsJson = False) -> None:
    """List the committed files that are not what the manifests say: 0 none, else 1."""
    try:
        names = list(differing(CLONE))
    except DerivedWrong as wrong:
        stop(str(wrong), Exit.FAILED)
    if as_json:
        print_json(names)
    else:
        for name in names:
            typer.echo(name)
    if names:
        stop("These differ from the manifests: run `samraad manifests write`.", Exit.FAILED)
    say("All that follows from the manifests is committed.")


@app.command()
def write() -> None:
    """Write what differs, and list it."""
    try:
        names = write_all(CLONE)
    except DerivedWrong as wrong:
        stop(str(wrong), Exit.FAILED)
    for name in names:
        typer.echo(name)
    say("Commit these." if names else "Nothing differed.")
