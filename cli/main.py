"""The `samraad` command: one program for operators, partners' developers and the data protection officer."""

from importlib import import_module
from importlib.util import find_spec

import typer

from cli import stack

GROUPS = ("topics", "partner", "parked", "audit", "person")
"""Modules of `cli` whose `app` is a group of commands: `samraad partner add`."""
COMMANDS = ("emit", "receipts", "watch", "bench", "demo")
"""Modules of `cli` whose `app` holds commands of the first level: `samraad emit`."""

app = typer.Typer(
    name="samraad",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    help="Runs a police district's crime-prevention work as case events over Kafka.",
)
app.add_typer(stack.app)
for _name in (*GROUPS, *COMMANDS):
    if find_spec(f"cli.{_name}") is not None:
        _part: typer.Typer = import_module(f"cli.{_name}").app
        if _name in GROUPS:
            app.add_typer(_part, name=_name)
        else:
            app.add_typer(_part)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
