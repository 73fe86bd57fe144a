"""The model of the protocol, explored with few faults; `make model` explores it with more."""

import pytest

from tests.protocol.search import Result, explore
from tests.protocol.variants import VARIANTS, Variant, reduced

FULL = [each for each in VARIANTS if not each.rule]
HOLDING = [each for each in VARIANTS if each.rule and not each.breaks]
BREAKING = [each for each in VARIANTS if each.rule and each.breaks]


def named(variant: Variant) -> str:
    return f"{variant.rule or 'full'}: {variant.name}, {variant.scenario.name}"


def explored(variant: Variant) -> Result:
    less = reduced(variant)
    return explore(less.scenario, less.rules, less.wanted)


@pytest.mark.parametrize("variant", FULL, ids=named)
def test_the_full_protocol_holds_whatever_goes_wrong(variant: Variant) -> None:
    result = explored(variant)

    assert (result.letter, result.story) == ("", [])


@pytest.mark.parametrize("variant", BREAKING, ids=named)
def test_without_the_rule_the_named_invariant_breaks(variant: Variant) -> None:
    result = explored(variant)

    assert result.letter == variant.breaks
    assert result.story, "it has a story"


@pytest.mark.parametrize("variant", HOLDING, ids=named)
def test_what_the_table_calls_thrift_breaks_nothing_when_it_is_left_out(variant: Variant) -> None:
    result = explored(variant)

    assert (result.letter, result.story) == ("", [])
    assert variant.good_for


def test_every_rule_is_left_out_at_least_once() -> None:
    assert {each.rule for each in VARIANTS} == set(range(26))
