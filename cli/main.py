"""The `samraad` command, for operators, partners' developers and the data protection officer.

A module is imported only when its command is used (or when help lists all), so that
`samraad status` does not wait for imports that it does not need.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

import typer

from shared.contracts.discovery import ManifestWrong

GROUPS = (
    "topics",
    "partner",
    "staff",
    "parked",
    "halts",
    "audit",
    "person",
    "contracts",
    "manifests",
)
"""Modules of `cli` whose `app` is a group of commands: `samraad partner add`."""
COMMANDS = ("emit", "receipts", "watch", "trace", "bench", "demo")
"""Modules of `cli` whose `app` holds one command of the first level: `samraad emit`."""
HOLDERS = {"stack": ("up", "down", "doctor"), "status": ("status", "alarms")}
"""Modules of `cli` whose `app` holds several commands of the first level."""


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """Return the commands that these arguments need: one module's, or all."""
    app = typer.Typer(
        name="samraad",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_show_locals=False,
        pretty_exceptions_short=True,
        help="Runs a police district's crime-prevention work as case events over Kafka.",
    )
    # A callback keeps the command's name in the usage line even if there is only one command.
    app.callback()(_samraad)
    name_given = arguments[0] if arguments else ""
    holding = {name: (name,) for name in (*GROUPS, *COMMANDS)}
    everything = {**HOLDERS, **holding}
    is_known = any(name_given in held for held in everything.values())
    for name, held in everything.items():
        is_asked = name_given in held
        if (is_asked or not is_known) and find_spec(f"cli.{name}") is not None:
            part: typer.Typer = import_module(f"cli.{name}").app
            app.add_typer(part, name=name if name in GROUPS else None)
    return app


def _samraad() -> None:
    """Runs a police district's crime-prevention work as case events over Kafka."""


def main() -> None:
    """Run the command line; a manifest that cannot be ends it with its file, field and rule."""
    try:
        command = command_line(sys.argv[1:])
    except ManifestWrong as wrong:
        sys.exit(str(wrong))
    command()


if __name__ == "__main__":
    main()
