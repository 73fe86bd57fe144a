"""The `samraad` command: one door for operators, partners' developers and the data protection officer.

A part is imported only when it is asked for (or when help lists all), so that `samraad status` does
not wait for what it does not need.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

import typer

GROUPS = ("topics", "partner", "parked", "halts", "audit", "person", "contracts")
"""Modules of `cli` whose `app` is a group of commands: `samraad partner add`."""
COMMANDS = ("emit", "receipts", "watch", "trace", "bench", "demo")
"""Modules of `cli` whose `app` holds one command of the first level: `samraad emit`."""
HOLDERS = {"stack": ("up", "down", "doctor"), "status": ("status", "alarms")}
"""Modules of `cli` whose `app` holds several commands of the first level."""


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """Put together what these arguments ask for: one part, or all of them."""
    app = typer.Typer(
        name="samraad",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_show_locals=False,
        pretty_exceptions_short=True,
        help="Runs a police district's crime-prevention work as case events over Kafka.",
    )
    # A callback keeps the command's name in the line even where only one command is there.
    app.callback()(_samraad)
    asked = arguments[0] if arguments else ""
    holding = {name: (name,) for name in (*GROUPS, *COMMANDS)}
    everything = {**HOLDERS, **holding}
    is_known = any(asked in held for held in everything.values())
    for name, held in everything.items():
        is_asked = asked in held
        if (is_asked or not is_known) and find_spec(f"cli.{name}") is not None:
            part: typer.Typer = import_module(f"cli.{name}").app
            app.add_typer(part, name=name if name in GROUPS else None)
    return app


def _samraad() -> None:
    """Runs a police district's crime-prevention work as case events over Kafka."""


def main() -> None:
    """Run the command line."""
    command_line(sys.argv[1:])()


if __name__ == "__main__":
    main()
