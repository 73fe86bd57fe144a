"""What an entry of the catalogue says."""

from dataclasses import dataclass
from typing import Final

from tests.regressions.planting import Edit

__all__ = [
    "DUE",
    "ORDER",
    "RESTORED",
    "RIVALS",
    "RULES",
    "WRITE_UNGUARDED",
    "Regression",
    "edit",
    "planted",
]

ENGINE: Final = "shared/engine"
ORDER: Final = "tests/edge/test_engine_order.py"
RIVALS: Final = "tests/edge/test_engine_rivals.py"
RULES: Final = "tests/edge/test_engine_rules.py"
DUE: Final = "tests/edge/test_engine_deadlines.py"
RESTORED: Final = "tests/edge/test_engine_restored.py"


@dataclass(frozen=True)
class Regression:
    """One rule left out, by edits that a hasty hand might make."""

    rule: int
    """As in docs/protocol.md."""
    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    """Each passes on the code as it is and fails on the code so changed."""


def planted(rule: int, name: str, *edits: Edit, seen_by: str | tuple[str, ...]) -> Regression:
    """Plant these edits for a rule, to be seen by these tests."""
    tests = (seen_by,) if isinstance(seen_by, str) else seen_by
    return Regression(rule, name, edits, tests)


def edit(module: str, symbol: str, old: str, new: str) -> Edit:
    """Change a module of the engine within one of its symbols."""
    return Edit(f"{ENGINE}/{module}.py", symbol, old, new)


WRITE_UNGUARDED: Final = edit("store/store", "Store.write", ', "version": held.version}', "}")
