"""What an entry of the catalogue holds."""

from dataclasses import dataclass
from typing import Final

from tests.regressions.edits import Edit, change_expression

__all__ = [
    "DUE",
    "FOREIGN",
    "ORDER",
    "RESTORED",
    "RIVALS",
    "RULES",
    "STORE",
    "STORE_WRITE",
    "WRITE_UNGUARDED",
    "Regression",
    "planted",
]

ORDER: Final = "tests/edge/test_engine_order.py"
RIVALS: Final = "tests/edge/test_engine_rivals.py"
RULES: Final = "tests/edge/test_engine_rules.py"
DUE: Final = "tests/edge/test_engine_deadlines.py"
RESTORED: Final = "tests/edge/test_engine_rollback.py"


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


FOREIGN: Final = frozenset(
    # methods of Python's collections
    {"append", "get", "keys", "setdefault", "strict"}
    # of PyMongo, and their arguments
    | {"bulk_write", "delete_many", "find_one", "insert_many", "insert_one", "ordered", "session"}
    | {"snapshot", "sort", "start_session"}
    # of aiokafka
    | {"end_offsets", "position"}
)
"""Names that shapes may acquire besides metavariables and builtins: others give them, and keep them."""

STORE: Final = "shared/engine/store/store.py::Store.write"
STORE_WRITE: Final = "shared/engine/store/writes.py::write"

WRITE_UNGUARDED: Final = change_expression(
    STORE_WRITE, '{"_id": ID, "version": LOADED.VERSION}', '{"_id": ID}'
)
