"""Timers: set with their case, fired once."""

from typing import Final

from tests.regressions.catalogue.entry import DUE, STORE, Regression, planted
from tests.regressions.edits import (
    change_condition,
    change_expression,
    change_statement,
    drop,
    elsewhere,
    insert_before,
)

__all__ = ["TIMERS"]

WRITE_DUE: Final = "shared/engine/store/writes.py::_write_timers"
NEW_UNIT: Final = "shared/engine/store/store.py::Store.unit"
FOLLOW: Final = "shared/engine/timers/timers.py::sync_timers"
FIRE: Final = "shared/engine/timers/timers.py::Timers.fire"
FENCE: Final = "shared/engine/store/lease.py::fence"
TAKE_DUE: Final = "shared/engine/timers/scheduler.py::Scheduler._fire_batch"
TAKE: Final = "shared/engine/timers/scheduler.py::Scheduler._take"
TRY: Final = "shared/engine/timers/scheduler.py::Scheduler._try"
LOAD: Final = "shared/engine/timers/scheduler.py::Scheduler._load"

DELETE_THE_FIRED: Final = """
    gone = [due.ROW_ID for due in FIRED]
    await STORE.DB.DUE_ROWS.delete_many({"_id": {"$in": gone}})
    """
NAMES_OF_DUE: Final = (
    "FIRED = _._(_, UNIT, _)",
    elsewhere(FIRE, "_.DUE.append((_.ROW_ID, None))"),
    elsewhere(STORE, "_(_.DB, _, _)"),
    elsewhere(WRITE_DUE, "_.DUE_ROWS.bulk_write(_, ordered=False, session=_)"),
)

TIMERS: Final[tuple[Regression, ...]] = (
    planted(
        21,
        "a due document is written outside of the step's transaction",
        change_expression(
            WRITE_DUE,
            "DUE_ROWS.bulk_write(OPERATIONS, ordered=False, session=SESSION)",
            "DUE_ROWS.bulk_write(OPERATIONS, ordered=False)",
        ),
        seen_by=f"{DUE}::test_a_step_whose_commit_fails_sets_no_deadline",
    ),
    planted(
        21,
        "closing a case leaves its deadline unchanged",
        change_expression(FOLLOW, "BEFORE.keys() - NOW.keys()", "()"),
        seen_by=f"{DUE}::test_a_case_that_is_closed_or_gets_a_new_date_does_not_fire_the_old_one",
    ),
    planted(
        22,
        "a due document is deleted before the transaction that fires it commits, outside of it",
        drop(FIRE, "UNIT.DUE.append((ROW_ID, None))"),
        insert_before(
            TAKE_DUE,
            "await STORE.WRITE(UNIT, SESSION)",
            DELETE_THE_FIRED,
            given=NAMES_OF_DUE,
        ),
        insert_before(
            TAKE_DUE,
            "await STORE.WRITE(UNIT, SESSION)",
            "UNIT.DUE = [each for each in UNIT.DUE if each[1] is not None]",
            given=("UNIT = STORE.NEW(_)", elsewhere(FIRE, "_.DUE.append((_, None))")),
        ),
        seen_by=(
            f"{DUE}::test_a_scheduler_that_is_killed_leaves_each_deadline_to_fire_once"
            "[ticker.before_commit]"
        ),
    ),
    planted(
        22,
        "a due document is deleted after the transaction that fires it",
        drop(FIRE, "UNIT.DUE.append((ROW_ID, None))"),
        insert_before(TAKE_DUE, "STORE.SETTLE(UNIT)", DELETE_THE_FIRED, given=NAMES_OF_DUE),
        seen_by=(
            f"{DUE}::test_a_scheduler_that_is_killed_leaves_each_deadline_to_fire_once"
            "[ticker.after_commit]"
        ),
    ),
    planted(
        23,
        "the scheduler does not fence: a process that lost the lease continues to write",
        change_expression(FENCE, '{"_id": NAME, "session": SESSION_ID}', '{"_id": NAME}'),
        seen_by=f"{DUE}::test_an_owner_whose_lease_was_taken_over_is_fenced",
    ),
    planted(
        23,
        "the process's clock decides what is due",
        change_statement(
            TAKE_DUE,
            "NOW = await FENCE(STORE, NAME, SESSION)",
            """
            await FENCE(STORE, NAME, SESSION)
            NOW = STORE.CLOCK()
            """,
            given=("_ = STORE.GUARD.SEEN", elsewhere(NEW_UNIT, "_ or _.CLOCK()")),
        ),
        seen_by=(
            f"{DUE}::test_the_stores_clock_counts_and_not_the_processs[fast]",
            f"{DUE}::test_the_stores_clock_counts_and_not_the_processs[slow]",
        ),
    ),
    planted(
        24,
        "a deadline fires though its case is parked",
        change_condition(TAKE, "UNIT.LOADED(UNIT.CASES, CASE_ID).PROTOCOL.PARKED", "False"),
        seen_by=f"{DUE}::test_a_deadline_that_passes_while_its_case_is_parked_waits_for_the_case",
    ),
    planted(
        24,
        "a deadline that fails makes its whole batch fail",
        change_expression(TRY, "Exception", "EOFError"),
        seen_by=(
            f"{DUE}::test_a_deadline_that_fails_blocks_its_own_case_only_and_fires_once_fixed"
            "[fails]"
        ),
    ),
    planted(
        24,
        "a case's deadlines fire in the order of their names",
        change_expression(LOAD, '(ROW["due_at"], ROW["_id"])', 'ROW["_id"]'),
        seen_by=f"{DUE}::test_a_service_that_was_away_for_days_fires_each_once_and_in_order",
    ),
)
