"""Shapes of code: Python with metavariables, matched against a syntax tree, filled to new code.

A name in CAPITALS is a metavariable. It matches any expression, or any name of an attribute, of a
keyword argument or of a caught error, and matches equal code wherever it is used again. `_` matches
the same and is not kept. As a statement by itself each of them matches any run of statements.
`...` for a body leaves open what the statement holds, its `else` and `finally` too.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from inspect import cleandoc

__all__ = [
    "Bound",
    "fill",
    "is_metavariable",
    "matches",
    "names_in",
    "parse_expression",
    "parse_statements",
    "text_of",
]

Captured = str | ast.expr | tuple[ast.stmt, ...]
Bound = Mapping[str, Captured]
"""What each metavariable has matched: a name, an expression or statements."""

_ANYTHING = "_"
_METAVARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_IGNORED = frozenset({"ctx", "kind", "type_comment"})
_REST = ("orelse", "finalbody")
_NAME_FIELDS = ("id", "attr", "arg", "name")


def is_metavariable(name: str) -> bool:
    """Whether a name in a shape matches other names, and is kept."""
    return _METAVARIABLE.fullmatch(name) is not None


def parse_expression(text: str) -> ast.expr:
    """Parse a shape that is an expression."""
    return ast.parse(text, mode="eval").body


def parse_statements(text: str) -> tuple[ast.stmt, ...]:
    """Parse a shape that is one statement or several in a row."""
    return tuple(ast.parse(cleandoc(text)).body)


def text_of(code: Captured) -> str:
    """The code in the one layout of `ast.unparse`: equal code has equal text."""
    if isinstance(code, str):
        return code
    return ast.unparse(code) if isinstance(code, ast.expr) else "\n".join(map(ast.unparse, code))


def names_in(shape: ast.AST) -> set[str]:
    """Every name of a shape, metavariables included, of variables, attributes and keywords."""
    fields = ((each, field) for each in ast.walk(shape) for field in _NAME_FIELDS)
    names = {getattr(each, field, None) for each, field in fields}
    return {name for name in names if isinstance(name, str)}


def matches(shape: Sequence[ast.AST], code: Sequence[ast.AST], bound: Bound) -> Iterator[Bound]:
    """Yield, for each way in which the shape matches the code, what its metavariables stand for."""
    yield from _match_row(shape, code, bound)


def fill(shape: Sequence[ast.AST], bound: Bound) -> list[ast.AST]:
    """Make code from a shape: each metavariable becomes a copy of what it stands for.

    Raises:
        ValueError: a metavariable stands for code that cannot be in that place.

    """
    filled: list[ast.AST] = []
    for each in shape:
        code = _Filling(bound).visit(deepcopy(each))
        filled.extend(code if isinstance(code, list) else [code])
    return filled


def _is_open(name: str) -> bool:
    return name == _ANYTHING or is_metavariable(name)


def _leaves_its_body_open(shape: ast.AST) -> bool:
    body = getattr(shape, "body", None)
    return isinstance(body, list) and len(body) == 1 and _is_ellipsis(body[0])


def _is_ellipsis(shape: object) -> bool:
    value = shape.value if isinstance(shape, ast.Expr) else None
    return isinstance(value, ast.Constant) and value.value is ...


def _run(shape: object) -> str | None:
    """The metavariable that matches a run of statements here, `_` if none is kept."""
    if _is_ellipsis(shape):
        return _ANYTHING
    value = shape.value if isinstance(shape, ast.Expr) else None
    return value.id if isinstance(value, ast.Name) and _is_open(value.id) else None


def _match_all(pairs: Sequence[tuple[object, object]], bound: Bound) -> Iterator[Bound]:
    if not pairs:
        yield bound
        return
    (shape, code), *others = pairs
    for each in _match_value(shape, code, bound):
        yield from _match_all(others, each)


def _match_value(shape: object, code: object, bound: Bound) -> Iterator[Bound]:
    if isinstance(shape, ast.AST) and isinstance(code, ast.AST):
        yield from _match_node(shape, code, bound)
    elif isinstance(shape, list) and isinstance(code, list):
        yield from _match_row(shape, code, bound)
    elif isinstance(shape, str) and isinstance(code, str) and _is_open(shape):
        yield from _bind(shape, code, bound)
    elif shape == code:
        yield bound


def _match_node(shape: ast.AST, code: ast.AST, bound: Bound) -> Iterator[Bound]:
    if isinstance(shape, ast.Name) and _is_open(shape.id):
        if isinstance(code, ast.expr) and not isinstance(code, ast.Starred):
            yield from _bind(shape.id, code, bound)
    elif type(shape) is not type(code):
        return
    elif isinstance(shape, ast.Constant) and isinstance(code, ast.Constant):
        if type(shape.value) is type(code.value) and shape.value == code.value:
            yield bound
    else:
        fields = [field for field in shape._fields if field not in _IGNORED]
        if _leaves_its_body_open(shape):
            fields = [field for field in fields if field not in _REST or getattr(shape, field)]
        pairs = [(getattr(shape, field, None), getattr(code, field, None)) for field in fields]
        yield from _match_all(pairs, bound)


def _match_row(shapes: Sequence[object], codes: Sequence[object], bound: Bound) -> Iterator[Bound]:
    if not shapes:
        if not codes:
            yield bound
        return
    if (name := _run(shapes[0])) is not None:
        for length in range(len(codes) + 1):
            run = tuple(code for code in codes[:length] if isinstance(code, ast.stmt))
            for each in _bind(name, run, bound):
                yield from _match_row(shapes[1:], codes[length:], each)
    elif codes:
        for each in _match_value(shapes[0], codes[0], bound):
            yield from _match_row(shapes[1:], codes[1:], each)


def _bind(name: str, code: Captured, bound: Bound) -> Iterator[Bound]:
    if name == _ANYTHING:
        yield bound
    elif name not in bound:
        yield {**bound, name: code}
    elif text_of(bound[name]) == text_of(code):
        yield bound


class _Filling(ast.NodeTransformer):
    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt]:
        if isinstance(node, ast.Name) and is_metavariable(node.id):
            return self._expression(node.id)
        if isinstance(node, ast.Expr) and (name := _run(node)) is not None:
            code = self._captured(name)
            return list(deepcopy(code)) if isinstance(code, tuple) else self.generic_visit(node)
        for field in _NAME_FIELDS:
            name = getattr(node, field, None)
            if isinstance(name, str) and is_metavariable(name):
                setattr(node, field, self._name(name))
        return self.generic_visit(node)

    def _captured(self, name: str) -> Captured:
        if name not in self._bound:
            raise ValueError(f"{name} is a variable of another function")
        return self._bound[name]

    def _expression(self, name: str) -> ast.expr:
        code = self._captured(name)
        if isinstance(code, str):
            return ast.Name(code, ast.Load())
        if isinstance(code, ast.expr):
            return deepcopy(code)
        raise ValueError(f"{name} stands for statements where an expression is needed")

    def _name(self, name: str) -> str:
        code = self._captured(name)
        if isinstance(code, str):
            return code
        if isinstance(code, ast.Name):
            return code.id
        raise ValueError(f"{name} stands for `{text_of(code)}` where a name is needed")
