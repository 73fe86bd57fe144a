"""The meaning of each value of a code list, from its docstring; published with the schemas.

The first sentence is the definition, which never changes once it is published. What follows are
remarks, which may be corrected.
"""

from __future__ import annotations

import ast
import inspect
import re
from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from enum import Enum

__all__ = ["definition", "meanings_of"]

_NEXT_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=[A-ZÆØÅ])")


def definition(meaning: str) -> str:
    """Return the first sentence of a meaning: it ends where the next begins with a capital."""
    return _NEXT_SENTENCE.split(meaning, maxsplit=1)[0]


def meanings_of(codes: type[Enum]) -> dict[str, str]:
    """Return the docstring below each value that has one, by value."""
    (definition,) = ast.parse(dedent(inspect.getsource(codes))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    meanings = {}
    for statement, below in pairwise(body):
        match statement, below:
            case (
                ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                meanings[str(codes[name].value)] = inspect.cleandoc(text)
    return meanings
