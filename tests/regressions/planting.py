"""Edits of the sources that find their place by the name of a symbol, or say that it is gone."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["AnchorGone", "Edit", "find_symbol", "planted"]


class AnchorGone(Exception):
    """The code has changed where a regression is planted: the regression must be changed too."""


@dataclass(frozen=True)
class Edit:
    """Within one function or class of one file, one text becomes another."""

    file: str
    symbol: str
    """`Class.method`, `function` or `Class`."""
    old: str
    """Stands there exactly once."""
    new: str

    def apply(self, source: str) -> str:
        """Return the changed source, which still compiles.

        Raises:
            AnchorGone: the symbol or the text is not there, or the text is there more than once.

        """
        lines = source.splitlines(keepends=True)
        node = find_symbol(source, self.symbol)
        if node is None or node.end_lineno is None:
            raise AnchorGone(f"{self.file} has no {self.symbol}")
        first, last = node.lineno - 1, node.end_lineno
        body = "".join(lines[first:last])
        if body.count(self.old) != 1:
            raise AnchorGone(
                f"{self.symbol} of {self.file} holds {body.count(self.old)} times: {self.old!r}"
            )
        changed = body.replace(self.old, self.new)
        result = "".join([*lines[:first], changed, *lines[last:]])
        compile(result, self.file, "exec")
        return result


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def find_symbol(source: str, symbol: str) -> Definition | None:
    """Find where a function, class or method is defined."""
    found: ast.AST = ast.parse(source)
    for name in symbol.split("."):
        inner = [
            each
            for each in ast.iter_child_nodes(found)
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and each.name == name
        ]
        if not inner:
            return None
        found = inner[-1]
    return found if isinstance(found, Definition) else None


def planted(root: Path, edits: Sequence[Edit]) -> Mapping[str, str]:
    """Return the changed files, by path, with all edits made.

    Raises:
        AnchorGone: one of them has lost its place.

    """
    changed: dict[str, str] = {}
    for edit in edits:
        before = changed.get(edit.file) or (root / edit.file).read_text()
        changed[edit.file] = edit.apply(before)
    return changed
