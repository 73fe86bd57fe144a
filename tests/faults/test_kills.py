"""The short form of `make kills`, and damage of each kind that its judge finds."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.checker.effects import Counted, judge_counts
from tests.faults.kills import run_lives
from tests.faults.plan import seeds_of_this_commit
from tests.live import LiveStack

KILLS = 15
ACKNOWLEDGED = [("k", 1), ("k", 2), ("k", 2), ("k", 3), ("m", 1)]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", seeds_of_this_commit(1))
async def test_each_fact_has_one_effect_in_order_while_processes_die_all_the_time(
    kafka_and_mongo: LiveStack, seed: int, tmp_path: Path
) -> None:
    outcome = await run_lives(kafka_and_mongo, seed, KILLS, tmp_path)

    found = "\n".join(f"{each.kind}: {each.what}" for each in outcome.findings[:50])
    assert not outcome.findings, f"{found}\nRepeat with: make kills SEED={seed} KILLS={KILLS}"
    assert outcome.died >= KILLS
    assert outcome.facts > 0


def good() -> Counted:
    """A small run in which everything went right; one record was sent twice."""
    published = [("k", 1, 1, b"a"), ("k", 2, 2, b"b"), ("k", 2, 2, b"b"), ("k", 3, 3, b"c")]
    return Counted(
        documents={
            "k": {"numbers": [1, 2, 3], "protocol": {"marks": {"/s": 3}}},
            "m": {"numbers": [1], "protocol": {"marks": {"/s": 1}}},
        },
        effects=[("k", 1), ("k", 2), ("k", 3), ("m", 1)],
        published=[*published, ("m", 1, 1, b"d")],
        watermarks={0: 5},
        ends={0: 5},
    )


def test_a_run_in_which_all_went_right_has_no_findings() -> None:
    assert judge_counts(ACKNOWLEDGED, good()) == []


def lose_a_row(seen: Counted) -> None:
    seen.effects = seen.effects[1:]


def lose_a_case(seen: Counted) -> None:
    seen.documents = {"k": seen.documents["k"]}


def add_a_row_twice(seen: Counted) -> None:
    seen.effects = [*seen.effects, ("k", 2)]


def take_in_twice(seen: Counted) -> None:
    seen.documents["k"]["numbers"].append(2)


def invent(seen: Counted) -> None:
    seen.effects = [*seen.effects, ("k", 4)]


def take_in_out_of_order(seen: Counted) -> None:
    seen.documents["k"]["numbers"].reverse()


def publish_nothing(seen: Counted) -> None:
    seen.published = [each for each in seen.published if each[0] != "m"]


def publish_out_of_order(seen: Counted) -> None:
    seen.published = list(reversed(seen.published))


def publish_two_facts_under_one_number(seen: Counted) -> None:
    seen.published = [*seen.published, ("k", 3, 3, b"another")]


def forget_a_mark(seen: Counted) -> None:
    seen.documents["k"]["protocol"]["marks"].clear()


def leave_something(seen: Counted) -> None:
    seen.outbox = 1


def park_something(seen: Counted) -> None:
    seen.parked = 1


def stop_early(seen: Counted) -> None:
    seen.watermarks = {0: 4}


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (lose_a_row, "lost"),
        (lose_a_case, "lost"),
        (publish_nothing, "lost"),
        (add_a_row_twice, "doubled"),
        (take_in_twice, "doubled"),
        (invent, "doubled"),
        (publish_two_facts_under_one_number, "doubled"),
        (take_in_out_of_order, "order"),
        (publish_out_of_order, "order"),
        (forget_a_mark, "left"),
        (leave_something, "left"),
        (park_something, "left"),
        (stop_early, "left"),
    ],
)
def test_damage_is_found_for_what_it_is(plant: Callable[[Counted], None], kind: str) -> None:
    seen = copy.deepcopy(good())

    plant(seen)

    assert kind in {finding.kind for finding in judge_counts(ACKNOWLEDGED, seen)}
