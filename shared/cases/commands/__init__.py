"""Acts of staff: declared once, carried out one way.

A service declares an act as a `Command`, whose fields are the form, and registers it with its
`Commands`, together with the pure rule that decides. docs/acts.md shows how.

`command` (pure): the declaration, and what it is read from. `forms` (pure): what a page shows of it.
`form_keys`: what makes a second post of the same form harmless. `runner`: one act, one transaction.
`routes`: the route. `commands`: the registry of a service.
"""

from shared.cases.commands.command import Check, Choice, Command
from shared.cases.commands.commands import Commands

__all__ = ["Check", "Choice", "Command", "Commands"]
