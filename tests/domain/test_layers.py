"""Modules do not import each other in circles, and the engine does not import its own façade."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for top in ("shared", "services")
    for path in (ROOT / top).rglob("*.py")
}


def imported(module: str, *, for_types: bool) -> set[str]:
    """The modules of ours that it imports; those for types alone only if `for_types`."""
    found = set()
    for node in statements(ast.parse(MODULES[module].read_text()), for_types=for_types):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            for each in node.names:
                submodule = f"{node.module}.{each.name}"
                found.add(submodule if submodule in MODULES else str(node.module))
    return (found & MODULES.keys()) - {module}


def statements(node: ast.AST, *, for_types: bool) -> Iterator[ast.AST]:
    """All nodes below `node`, without the bodies of `if TYPE_CHECKING` unless `for_types`."""
    for child in ast.iter_child_nodes(node):
        is_for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        if for_types or not is_for_types:
            yield child
            yield from statements(child, for_types=for_types)


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle, or none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize(("top", "for_types"), [("shared", True), ("services", True)])
def test_no_modules_import_each_other_in_a_circle(top: str, *, for_types: bool) -> None:
    graph = {
        module: imported(module, for_types=for_types)
        for module in MODULES
        if module.startswith(top)
    }

    assert circle(graph) == []


def test_the_engine_does_not_import_its_own_facade() -> None:
    inside = [module for module in MODULES if module.startswith("shared.engine.")]

    assert [
        module for module in inside if "shared.engine" in imported(module, for_types=True)
    ] == []


def test_a_circle_is_found() -> None:
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}
