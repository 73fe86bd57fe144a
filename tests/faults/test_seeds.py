"""The short form of `make faults`: seeds drawn from the commit's hash break the running system.

Two processes of each service die at crash points and anywhere, are suspended, ended and given failures,
under load; what was acknowledged is judged from outside. Broker and database, which other tests
share, are stepped down and slowed but not killed: `make faults` does that.
"""

from collections.abc import Iterator

import pytest

from tests.faults.plan import Fault, Plan, make_plan, seeds_of_this_commit
from tests.faults.rig import Rig
from tests.faults.seeds import Run
from tests.faults.table import line_of, repeat_command
from tests.live import LiveStack

COPIES = 2
SEEDS = 1
"""`make faults` runs more, and longer ones; `make nightly` runs that."""
WHOLE_S = 300
OWN_POINTS = {
    "intake": ("keys.between_two", "keys.made", "intake.sealed"),
    "mediation": ("details.fetched", "details.sealed"),
    "psp": ("details.sealed", "keys.made"),
}
"""Where the services' own work changes hands; the engine's points have tests in tests/edge."""


@pytest.fixture(scope="module")
def run(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The stack that all tests share, in two copies for as long as this lasts."""
    rig = Rig(stack, tmp_path_factory.mktemp("faults"))
    rig.let_in_partners()
    rig.scale(COPIES)
    try:
        run = Run(rig)
        run.overlook_what_is_there()
        yield run
    finally:
        rig.scale(1)
        rig.wait_until_up(WHOLE_S)


@pytest.mark.timeout(WHOLE_S)
@pytest.mark.parametrize("seed", seeds_of_this_commit(SEEDS))
def test_reports_have_their_effect_once_and_in_order_while_services_are_broken(
    run: Run, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = make_plan(seed, COPIES, short=True)

    outcome = run.seed(plan)

    with capsys.disabled():
        print(f"\n{line_of(outcome)}")  # noqa: T201 - what the run is for
    found = "\n".join(f"{each.kind}: {each.what}" for each in outcome.findings[:50])
    assert outcome.is_good, f"{outcome.failure}\n{found}\nRepeat with: {repeat_command(outcome)}"
    assert outcome.kills >= plan.seconds / 5, "it was hardly broken"


@pytest.mark.timeout(WHOLE_S)
def test_services_that_die_at_each_point_of_their_own_lose_nothing(run: Run) -> None:
    """A storm comes to them by chance; here each is the first thing that a service comes to."""
    faults = [
        Fault(0.1, "crash_all", service, point, 1)
        for service, points in OWN_POINTS.items()
        for point in points
    ]
    plan = Plan(seed=0, copies=COPIES, reports=140, seconds=35.0, faults=faults, short=True)

    outcome = run.seed(plan)

    found = "\n".join(f"{each.kind}: {each.what}" for each in outcome.findings[:50])
    assert outcome.is_good, f"{outcome.failure}\n{found}"
    assert {point for points in OWN_POINTS.values() for point in points} <= outcome.points.keys()


def test_a_seed_decides_everything_and_another_decides_otherwise() -> None:
    assert make_plan(7) == make_plan(7)
    assert make_plan(7).faults != make_plan(8).faults
    assert make_plan(7, 3).copies == 3
