"""Edits made in the syntax trees of the sources: each finds exactly one place, or reports that it is gone.

All places are found in the code as it is, and changed after that. Layout, comments and names make
no difference; a condition that was reversed or a call that has another argument does.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from inspect import cleandoc
from pathlib import Path
from typing import Any

from tests.regressions.edits import Edit, Elsewhere, Kind
from tests.regressions.shapes import Bound, fill, matches, parse_expression, parse_statements

__all__ = ["AnchorGone", "difference", "find_symbol", "planted"]

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class AnchorGone(Exception):
    """The code has changed where a regression is planted: the regression must be changed too."""


def planted(root: Path, edits: Sequence[Edit]) -> Mapping[str, str]:
    """Return the changed files, by path, with all edits made; each still compiles.

    Raises:
        AnchorGone: one of them has lost its place.

    """
    trees = _Trees(root)
    changes = [_find(edit, trees) for edit in edits]
    for change in changes:
        change.make()
    changed = {path: trees[path] for path in dict.fromkeys(_split(edit.where)[0] for edit in edits)}
    sources = {path: f"{ast.unparse(tree)}\n" for path, tree in changed.items()}
    for path, source in sources.items():
        compile(source, path, "exec")
    return sources


def difference(root: Path, edits: Sequence[Edit]) -> str:
    """Show what the edits change, line by line, in the layout of `ast.unparse`.

    Raises:
        AnchorGone: one of them has lost its place.

    """
    lines: list[str] = []
    for path, source in planted(root, edits).items():
        before = ast.unparse(ast.parse((root / path).read_text()))
        lines += unified_diff(before.splitlines(), source.splitlines(), path, path, "", "", 2, "")
    return "".join(f"{line}\n" for line in lines)


def find_symbol(source: str, symbol: str) -> Definition | None:
    """Find where a function, class or method is defined."""
    return _find_in(ast.parse(source), symbol)


def _find_in(tree: ast.Module, symbol: str) -> Definition | None:
    found: ast.AST = tree
    for name in symbol.split("."):
        inner = [
            each
            for each in ast.iter_child_nodes(found)
            if isinstance(each, Definition) and each.name == name
        ]
        if not inner:
            return None
        found = inner[-1]
    return found if isinstance(found, Definition) else None


def _split(where: str) -> tuple[str, str]:
    path, _, symbol = where.partition("::")
    return path, symbol


class _Trees(dict[str, ast.Module]):
    """The syntax trees of the sources, each read once."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def __missing__(self, path: str) -> ast.Module:
        if not (self._root / path).is_file():
            raise AnchorGone(f"there is no {path}")
        self[path] = ast.parse((self._root / path).read_text())
        return self[path]

    def symbol(self, where: str) -> Definition:
        path, symbol = _split(where)
        found = _find_in(self[path], symbol)
        if found is None:
            raise AnchorGone(f"{path} has no {symbol}")
        return found


@dataclass(frozen=True)
class _Change:
    """The nodes that an edit has found, and what it does with them."""

    edit: Edit
    within: Definition
    old: Sequence[ast.AST]
    new: Sequence[ast.AST]

    def make(self) -> None:
        """Make the edit.

        Raises:
            AnchorGone: another edit has taken away what was found.

        """
        exchange = _Exchange(self.old, self.new)
        exchange.visit(self.within)
        if not exchange.done:
            raise AnchorGone(f"{self.edit.where}: another edit has changed what this one found")
        for each in ast.walk(self.within):
            if getattr(each, "body", None) == []:
                each.body = [ast.Pass()]  # type: ignore[attr-defined]  # a class or statement
        at = 0 if ast.get_docstring(self.within) is None else 1
        self.within.body[at:at] = [
            ast.ImportFrom(each.__module__, [ast.alias(each.__name__)], 0)
            for each in self.edit.imports.values()
        ]


class _Exchange(ast.NodeTransformer):
    """Put nodes in the place of others, which follow each other."""

    def __init__(self, old: Sequence[ast.AST], new: Sequence[ast.AST]) -> None:
        self._old, self._new = old, new
        self.done = False

    def visit(self, node: ast.AST) -> Any:
        if node is self._old[0]:
            self.done = True
            return list(self._new) if isinstance(node, ast.stmt) else self._new[0]
        return None if any(node is each for each in self._old) else self.generic_visit(node)


def _find(edit: Edit, trees: _Trees) -> _Change:
    within = trees.symbol(edit.where)
    bound: Bound = {name: each.__name__ for name, each in edit.imports.items()}
    for given in edit.given:
        bound = _look_at(given, edit.where, trees, bound)
    if edit.kind.is_of_expressions:
        shape: Sequence[ast.AST] = [parse_expression(edit.old)]
        places = _conditions(within) if edit.kind is Kind.CONDITION else _expressions(within)
    else:
        shape = parse_statements(edit.old)
        places = _rows(within, len(shape))
    old, bound = _the_one(edit.where, edit.old, shape, places, bound)
    try:
        new = _new_code(edit, old, bound)
    except ValueError as error:
        raise AnchorGone(f"{edit.where}: {error}") from error
    if list(map(ast.unparse, old)) == list(map(ast.unparse, new)):
        raise AnchorGone(f"{edit.where}: the code is already `{edit.new}`")
    return _Change(edit, within, old, new)


def _new_code(edit: Edit, old: Sequence[ast.AST], bound: Bound) -> Sequence[ast.AST]:
    if edit.kind.is_of_expressions:
        return fill([parse_expression(edit.new)], bound)
    new = fill(parse_statements(edit.new), bound)
    if edit.kind is Kind.BEFORE:
        return [*new, *old]
    return [*old, *new] if edit.kind is Kind.AFTER else new


def _look_at(given: str | Elsewhere, where: str, trees: _Trees, bound: Bound) -> Bound:
    """Add what a given shape binds; of another function, with variables of its own, only names."""
    text = given if isinstance(given, str) else given.shape
    place = where if isinstance(given, str) else given.where
    within = trees.symbol(place)
    shape: Sequence[ast.AST] = parse_statements(text)
    places = _rows(within, len(shape))
    if len(shape) == 1 and isinstance(shape[0], ast.Expr):
        shape, places = [shape[0].value], _expressions(within)
    _, seen = _the_one(place, text, shape, places, bound)
    if isinstance(given, str):
        return seen
    return {name: code for name, code in seen.items() if name in bound or isinstance(code, str)}


Places = Iterator[Sequence[ast.AST]]


def _the_one(
    where: str, text: str, shape: Sequence[ast.AST], places: Places, bound: Bound
) -> tuple[Sequence[ast.AST], Bound]:
    """Find the one place of that shape, and what its metavariables stand for there."""
    ways = ((place, next(matches(shape, place, bound), None)) for place in places)
    found = [(place, way) for place, way in ways if way is not None]
    if len(found) != 1:
        count = len(found) or "no"
        raise AnchorGone(f"{where}: {count} places have the shape `{cleandoc(text)}`, not one")
    return found[0]


def _expressions(within: Definition) -> Places:
    for statement in within.body:
        yield from ([each] for each in ast.walk(statement) if isinstance(each, ast.expr))


def _conditions(within: Definition) -> Places:
    yield from ([each.test] for each in ast.walk(within) if isinstance(each, ast.If | ast.While))


def _rows(within: Definition, length: int) -> Places:
    """All statements of a function, or rows of several that follow each other."""
    for each in ast.walk(within):
        for name, block in ast.iter_fields(each):
            if isinstance(block, list) and name in {"body", "orelse", "finalbody"}:
                yield from (block[at : at + length] for at in range(len(block) - length + 1))
