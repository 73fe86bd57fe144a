"""The regressions can still be planted; `python -m tests.regressions` plants them and runs tests."""

import ast
from pathlib import Path

import pytest

from tests.protocol.variants import VARIANTS
from tests.regressions.catalogue import NOT_PLANTED, REGRESSIONS, Regression
from tests.regressions.planting import find_symbol, planted

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("regression", REGRESSIONS, ids=lambda each: each.name)
def test_each_regression_finds_its_place_and_changes_what_the_code_does(
    regression: Regression,
) -> None:
    changed = planted(ROOT, regression.edits)

    assert set(changed) == {edit.where.split("::")[0] for edit in regression.edits}
    for path, source in changed.items():
        assert ast.dump(ast.parse(source)) != ast.dump(ast.parse((ROOT / path).read_text()))


@pytest.mark.parametrize("regression", REGRESSIONS, ids=lambda each: each.name)
def test_each_regression_names_tests_that_there_are(regression: Regression) -> None:
    assert regression.tests
    for test in regression.tests:
        path, name = test.split("::")
        assert find_symbol((ROOT / path).read_text(), name.split("[")[0]), test


def test_each_rule_whose_loss_breaks_something_is_planted_or_listed_as_not_planted() -> None:
    broken = {each.rule for each in VARIANTS if each.breaks}
    planted_rules = {each.rule for each in REGRESSIONS}

    assert broken <= planted_rules
    assert set(NOT_PLANTED) <= {each.name for each in VARIANTS}
