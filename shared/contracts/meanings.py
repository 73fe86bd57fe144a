"""What each value of a code list means, as its docstring says it: published with the schemas."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enum import Enum

__all__ = ["meanings_of"]


def meanings_of(codes: type[Enum]) -> dict[str, str]:
    """Return the docstring below each value that has one, by value."""
    (definition,) = ast.parse(dedent(inspect.getsource(codes))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    told = {}
    for said, below in pairwise(body):
        match said, below:
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                told[str(codes[name].value)] = inspect.cleandoc(text)
    return told
