"""The regressions can still be planted; `python -m tests.regressions` plants them and runs tests."""

from pathlib import Path

import pytest

from tests.protocol.variants import VARIANTS
from tests.regressions.catalogue import NOT_PLANTED, REGRESSIONS, Regression
from tests.regressions.planting import AnchorGone, Edit, find_symbol, planted

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("regression", REGRESSIONS, ids=lambda each: each.name)
def test_each_regression_finds_its_place_in_the_code(regression: Regression) -> None:
    changed = planted(ROOT, regression.edits)

    assert all(source != (ROOT / path).read_text() for path, source in changed.items())


@pytest.mark.parametrize("regression", REGRESSIONS, ids=lambda each: each.name)
def test_each_regression_names_tests_that_there_are(regression: Regression) -> None:
    assert regression.tests
    for test in regression.tests:
        path, name = test.split("::")
        assert find_symbol((ROOT / path).read_text(), name.split("[")[0]), test


def test_each_rule_whose_loss_breaks_something_is_planted_or_said_not_to_be() -> None:
    broken = {each.rule for each in VARIANTS if each.breaks}
    planted_rules = {each.rule for each in REGRESSIONS}

    assert broken <= planted_rules
    assert set(NOT_PLANTED) <= {each.name for each in VARIANTS}


SOURCE = "class A:\n    def f(self):\n        return 1 + 1\n"


def test_an_edit_stays_within_its_symbol() -> None:
    edit = Edit("a.py", "A.f", "return 1 + 1", "return 3")

    assert edit.apply(SOURCE) == "class A:\n    def f(self):\n        return 3\n"


@pytest.mark.parametrize(
    ("symbol", "old"),
    [("A.g", "return"), ("A.f", "return 2"), ("A.f", "1")],
    ids=["no such symbol", "no such text", "the text is there twice"],
)
def test_an_edit_whose_anchor_is_gone_says_so(symbol: str, old: str) -> None:
    with pytest.raises(AnchorGone):
        Edit("a.py", symbol, old, "3").apply(SOURCE)
