"""The regressions follow the code: another layout or other names lose no place, another rule does."""

import ast
import builtins
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.regressions.catalogue import REGRESSIONS, Regression
from tests.regressions.catalogue.entry import FOREIGN
from tests.regressions.edits import Edit, Elsewhere, Kind
from tests.regressions.planting import AnchorGone, planted
from tests.regressions.shapes import is_metavariable, parse_statements

ROOT = Path(__file__).parents[2]
OTHERS = frozenset(dir(builtins)) | FOREIGN
EDITS = [
    pytest.param(edit, id=f"{each.name}, {number}")
    for each in REGRESSIONS
    for number, edit in enumerate(each.edits, 1)
]


class Renaming(ast.NodeTransformer):
    """Every name of variables, arguments, attributes, functions, classes and what is imported."""

    def __init__(self, kept: Collection[str]) -> None:
        self.kept = kept

    def new(self, name: str) -> str:
        return name if name in self.kept or name.startswith("__") else f"{name}_anew"

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return node
        for field in ("id", "attr", "arg", "name", "asname"):
            if isinstance(name := getattr(node, field, None), str):
                setattr(node, field, ".".join(map(self.new, name.split("."))))
        if isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self.new(name) for name in node.names]
        self.generic_visit(node)
        return node

    def source(self, source: str) -> str:
        return ast.unparse(self.visit(ast.parse(source)))

    def edit(self, edit: Edit) -> Edit:
        given = tuple(
            each if isinstance(each, str) else replace(each, where=self.where(each.where))
            for each in edit.given
        )
        return replace(edit, where=self.where(edit.where), given=given)

    def where(self, where: str) -> str:
        path, symbol = where.split("::")
        return f"{path}::{'.'.join(map(self.new, symbol.split('.')))}"


def files_of(edits: Collection[Edit]) -> set[str]:
    given = (each for edit in edits for each in edit.given)
    places = [edit.where for edit in edits]
    places += [each.where for each in given if isinstance(each, Elsewhere)]
    return {place.split("::")[0] for place in places}


def own_names(edit: Edit) -> Iterator[str]:
    """The names of an edit that neither the code nor others give."""
    return (
        name
        for name in edit.names
        if not is_metavariable(name) and name != "_" and name not in OTHERS
    )


@pytest.mark.parametrize("regression", REGRESSIONS, ids=lambda each: each.name)
def test_a_regression_is_planted_the_same_when_every_name_of_the_code_is_another(
    regression: Regression, tmp_path: Path
) -> None:
    added = {name for edit in regression.edits for name in own_names(edit)}
    added |= {each.__name__ for edit in regression.edits for each in edit.imports.values()}
    renaming = Renaming(OTHERS | added)
    for path in files_of(regression.edits):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(renaming.source((ROOT / path).read_text()))

    changed = planted(tmp_path, [renaming.edit(edit) for edit in regression.edits])

    for path, source in planted(ROOT, regression.edits).items():
        assert "_anew" in changed[path]
        assert ast.dump(ast.parse(changed[path])) == ast.dump(ast.parse(renaming.source(source)))


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_names_nothing_of_the_code_but_what_it_imports(edit: Edit) -> None:
    variables = (each for code in parse_statements(edit.new) for each in ast.walk(code))
    added = {
        each.id
        for each in variables
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }

    assert set(own_names(edit)) <= added


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_whose_place_was_taken_away_finds_no_other(edit: Edit, tmp_path: Path) -> None:
    is_expression = edit.kind.is_of_expressions
    away = replace(
        edit,
        kind=edit.kind if is_expression else Kind.STATEMENT,
        new="None" if is_expression else "pass",
        imports={},
    )
    sources = {path: (ROOT / path).read_text() for path in files_of([edit])}
    for path, source in (sources | dict(planted(ROOT, [away]))).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)

    with pytest.raises(AnchorGone):
        planted(tmp_path, [edit])
