"""Deadlines: set with their case, fired once."""

from typing import Final

from tests.regressions.catalogue.entry import DUE, Regression, edit, planted

__all__ = ["DEADLINES"]

DEADLINES: Final[tuple[Regression, ...]] = (
    planted(
        21,
        "a due document is written outside of the step's transaction",
        edit(
            "store/store",
            "Store._write_due",
            "bulk_write(operations, ordered=False, session=session)",
            "bulk_write(operations, ordered=False)",
        ),
        seen_by=f"{DUE}::test_a_step_whose_commit_fails_sets_no_deadline",
    ),
    planted(
        21,
        "a case that is closed leaves its deadline as it was",
        edit(
            "timers/timers", "follow", "for name in before.keys() - now.keys():", "for name in ():"
        ),
        seen_by=f"{DUE}::test_a_case_that_is_closed_or_gets_a_new_date_is_not_told_of_the_old_one",
    ),
    planted(
        22,
        "a due document is deleted before the transaction that fires it commits, outside of it",
        edit("timers/timers", "Deadlines.fire", "unit.due.append((due.row_id, None))", "pass"),
        edit(
            "timers/scheduler",
            "Ticker._slice",
            "            await self.store.write(unit, session)\n",
            "            gone = [due.row_id for due in fired]\n"
            '            await self.store.db.due.delete_many({"_id": {"$in": gone}})\n'
            "            unit.due = [each for each in unit.due if each[1] is not None]\n"
            "            await self.store.write(unit, session)\n",
        ),
        seen_by=(
            f"{DUE}::test_a_ticker_that_is_killed_leaves_each_deadline_to_fire_once"
            "[ticker.before_commit]"
        ),
    ),
    planted(
        22,
        "a due document is deleted after the transaction that fires it",
        edit("timers/timers", "Deadlines.fire", "unit.due.append((due.row_id, None))", "pass"),
        edit(
            "timers/scheduler",
            "Ticker._slice",
            "        self.store.settle(unit)\n",
            "        gone = [due.row_id for due in fired]\n"
            '        await self.store.db.due.delete_many({"_id": {"$in": gone}})\n'
            "        self.store.settle(unit)\n",
        ),
        seen_by=(
            f"{DUE}::test_a_ticker_that_is_killed_leaves_each_deadline_to_fire_once"
            "[ticker.after_commit]"
        ),
    ),
    planted(
        23,
        "the ticker does not fence: who has lost the lease goes on writing",
        edit(
            "store/lease",
            "fence",
            '{"_id": name, "session": session.session_id["id"]}',
            '{"_id": name}',
        ),
        seen_by=f"{DUE}::test_an_owner_whose_lease_was_taken_over_is_fenced",
    ),
    planted(
        23,
        "what is due is asked of the process's clock",
        edit(
            "timers/scheduler",
            "Ticker._slice",
            "now = await lease.fence(self.store, NAME, session)",
            "await lease.fence(self.store, NAME, session)\n            now = self.store.clock()",
        ),
        seen_by=(
            f"{DUE}::test_the_stores_clock_counts_and_not_the_processs[fast]",
            f"{DUE}::test_the_stores_clock_counts_and_not_the_processs[slow]",
        ),
    ),
    planted(
        24,
        "a deadline fires though its case is parked",
        edit(
            "timers/scheduler",
            "Ticker._take",
            "if unit.held(unit.cases, due.case_id).protocol.parked:",
            "if False:",
        ),
        seen_by=f"{DUE}::test_a_deadline_that_passes_while_its_case_is_parked_waits_for_the_case",
    ),
    planted(
        24,
        "a deadline that fails takes its slice along",
        edit(
            "timers/scheduler",
            "Ticker._try",
            "except Exception as error:",
            "except EOFError as error:",
        ),
        seen_by=(
            f"{DUE}::test_a_deadline_that_fails_holds_up_its_own_case_only_and_fires_once_mended"
            "[fails]"
        ),
    ),
    planted(
        24,
        "a case's deadlines fire in the order of their names",
        edit(
            "timers/scheduler",
            "Ticker._load",
            '(row["due_at"], row["_id"])',
            'row["_id"]',
        ),
        seen_by=f"{DUE}::test_a_service_that_was_away_for_days_fires_each_once_and_in_order",
    ),
)
