"""The tables of docs/protocol.md, from the model's variants and the planted regressions."""

from collections.abc import Sequence

from tests.protocol.invariants import NAMES
from tests.protocol.variants import VARIANTS, Variant
from tests.regressions.catalogue import NOT_PLANTED, REGRESSIONS, Regression

__all__ = ["model_table", "planted_table", "with_tables"]


def model_table() -> str:
    """What each variant of the model comes to."""
    rows = [_variant(each) for each in VARIANTS if each.rule]
    return _table(("rule", "left out", "scenario", "what then"), rows)


def planted_table() -> str:
    """What is planted in the code, and who sees it."""
    rows = [_regression(each) for each in REGRESSIONS]
    left = [f"- {name}: {why}" for name, why in NOT_PLANTED.items()]
    heading = "These variants of the model are not planted:"
    return _table(("rule", "planted", "seen by"), rows) + f"\n{heading}\n" + "\n".join(left) + "\n"


def _variant(variant: Variant) -> Sequence[str]:
    then = f"breaks {variant.breaks}: {NAMES[variant.breaks]}" if variant.breaks else "holds"
    if variant.good_for:
        then += f"; {variant.good_for}"
    return str(variant.rule), variant.name, variant.scenario.name, then


def _regression(each: Regression) -> Sequence[str]:
    return str(each.rule), each.name, "<br>".join(f"`{test}`" for test in each.tests)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def with_tables(page: str) -> str:
    """The page with its tables as they are now."""
    for name, table in (("model", model_table()), ("planted", planted_table())):
        begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, rest = page.split(begin)
        page = before + begin + table + end + rest.split(end)[1]
    return page
