"""What a regression changes in one function: an expression, a condition or statements.

Each edit has a place (`path::Class.method`), the shape of the code there and the code that is to be
there instead, both as `shapes` defines. Metavariables of `new` come from `old`, from the shapes that
are `given` in the same function or elsewhere, or from `imports`. So new code follows when the names
of the sources change.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.regressions.shapes import is_metavariable, names_in, parse_statements

__all__ = [
    "Edit",
    "Elsewhere",
    "Given",
    "Imports",
    "Kind",
    "change_condition",
    "change_expression",
    "change_statement",
    "drop",
    "elsewhere",
    "insert_after",
    "insert_before",
]

Imports = Mapping[str, Callable[..., Any]]
"""Classes and functions that new code needs, by metavariable: the function then imports them."""


class Kind(StrEnum):
    """What an edit looks for, and what becomes of it."""

    EXPRESSION = "expression"
    CONDITION = "condition"
    """The whole condition of an `if`, `elif` or `while`."""
    STATEMENT = "statement"
    """One statement, or several in a row."""
    BEFORE = "before"
    """New statements go before the one that is found."""
    AFTER = "after"
    """New statements go after the one that is found."""

    @property
    def is_of_expressions(self) -> bool:
        """Whether `old` and `new` are expressions; otherwise they are statements."""
        return self in {Kind.EXPRESSION, Kind.CONDITION}


@dataclass(frozen=True)
class Elsewhere:
    """A shape in another function, for the names of attributes in it."""

    where: str
    shape: str


Given = str | Elsewhere | tuple[str | Elsewhere, ...]
"""Shapes that occur in the same function or elsewhere once each; matched in this order, before `old`."""


@dataclass(frozen=True)
class Edit:
    """One change of one function."""

    kind: Kind
    where: str
    """`path::function`, `path::Class.method` or `path::function.inner`."""
    old: str
    """Exactly one place of the function has this shape."""
    new: str
    given: tuple[str | Elsewhere, ...] = ()
    imports: Imports = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse new code with a metavariable without a match.

        Raises:
            ValueError: there is one.

        """
        known = self._names_of(self.old).union(self.imports, *map(self._names_of, self.given))
        unknown = {name for name in self.new_names if is_metavariable(name)} - known
        if unknown or "_" in self.new_names:
            raise ValueError(f"{self.new!r} for {self.where}: nothing gives {sorted(unknown)}")

    @property
    def new_names(self) -> set[str]:
        """The names and metavariables of the new code."""
        return self._names_of(self.new)

    @property
    def names(self) -> set[str]:
        """All names and metavariables of its shapes."""
        return self.new_names.union(*map(self._names_of, (self.old, *self.given)))

    def _names_of(self, shape: str | Elsewhere) -> set[str]:
        text = shape if isinstance(shape, str) else shape.shape
        return set().union(*map(names_in, parse_statements(text)))


def change_expression(
    where: str, old: str, new: str, *, given: Given = (), imports: Imports | None = None
) -> Edit:
    """Put another expression in its place."""
    return Edit(Kind.EXPRESSION, where, old, new, _row(given), imports or {})


def change_condition(
    where: str, old: str, new: str, *, given: Given = (), imports: Imports | None = None
) -> Edit:
    """Let an `if`, `elif` or `while` ask something else; "False" leaves it out."""
    return Edit(Kind.CONDITION, where, old, new, _row(given), imports or {})


def change_statement(
    where: str, old: str, new: str, *, given: Given = (), imports: Imports | None = None
) -> Edit:
    """Put other statements in the place of one, or of several in a row."""
    return Edit(Kind.STATEMENT, where, old, new, _row(given), imports or {})


def drop(where: str, old: str, *, given: Given = ()) -> Edit:
    """Leave a statement out, or several in a row."""
    return Edit(Kind.STATEMENT, where, old, "", _row(given))


def insert_before(
    where: str, old: str, new: str, *, given: Given = (), imports: Imports | None = None
) -> Edit:
    """Put new statements before one that stays."""
    return Edit(Kind.BEFORE, where, old, new, _row(given), imports or {})


def insert_after(
    where: str, old: str, new: str, *, given: Given = (), imports: Imports | None = None
) -> Edit:
    """Put new statements after one that stays."""
    return Edit(Kind.AFTER, where, old, new, _row(given), imports or {})


def elsewhere(where: str, shape: str) -> Elsewhere:
    """Take the names of attributes from a shape in another function."""
    return Elsewhere(where, shape)


def _row(given: Given) -> tuple[str | Elsewhere, ...]:
    return given if isinstance(given, tuple) else (given,)
