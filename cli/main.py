"""The `samraad` command."""

import typer

app = typer.Typer(name="samraad", no_args_is_help=True)


def main() -> None:
    """Run the command line."""
    app()
