"""docs/protocol.md is current: its tables are those of the code, and all that it names exists."""

import re
from pathlib import Path

import pytest

from tests.regressions.planting import find_symbol
from tests.regressions.table import model_table, planted_table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text()
RULES = re.findall(
    r"^\*\*(\d+)\. (.*?)(?=^\*\*\d+\. |^## |^Order of)", PAGE, re.MULTILINE | re.DOTALL
)
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::([\w.]+)", PAGE)))


def test_the_page_has_each_rule_with_code_that_keeps_it_and_tests_that_attack_it() -> None:
    assert [int(number) for number, _ in RULES] == list(range(1, 26))
    for number, text in RULES:
        kept, attacked = text.split("- attacked by")
        assert "`shared/" in kept.split("- kept by")[1], number
        assert "`tests/" in attacked, number


@pytest.mark.parametrize(("path", "symbol"), NAMED, ids=str)
def test_what_the_page_names_exists(path: str, symbol: str) -> None:
    assert find_symbol((ROOT / path).read_text(), symbol)


@pytest.mark.parametrize(
    ("name", "table"),
    [("model", model_table()), ("planted", planted_table())],
    ids=["model", "planted"],
)
def test_the_tables_are_those_of_the_code(name: str, table: str) -> None:
    """`python -m tests.regressions --page` writes them anew."""
    assert f"<!-- {name} -->\n{table}<!-- /{name} -->" in PAGE
