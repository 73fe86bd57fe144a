"""One transaction, versions that guard it, and keys that make an act happen once."""

from typing import Final

from tests.regressions.catalogue.entry import (
    ORDER,
    RIVALS,
    RULES,
    WRITE_UNGUARDED,
    Regression,
    edit,
    planted,
)

__all__ = ["TRANSACTIONS"]

TRANSACTIONS: Final[tuple[Regression, ...]] = (
    # one transaction
    planted(
        1,
        "the outbox is written before the transaction commits, outside of it",
        edit(
            "store/store",
            "Store.write",
            "insert_one(packed, session=session)",
            "insert_one(packed)",
        ),
        seen_by=f"{RULES}::test_a_slice_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    planted(
        1,
        "the outbox is written after the transaction",
        edit("store/store", "Store.write", "in pack(unit.messages)", "in ()"),
        edit(
            "consume/batch",
            "Slices._commit",
            "        self.store.settle(unit)\n",
            "        from shared.engine.store import pack\n"
            "        for packed in pack(unit.messages):\n"
            "            await self.store.db.outbox.insert_one(packed)\n"
            "        self.store.settle(unit)\n",
        ),
        seen_by=f"{RULES}::test_a_fact_is_told_even_if_the_outbox_could_not_be_written_at_first",
    ),
    planted(
        1,
        "effects are written outside of the marks' transaction",
        edit(
            "store/store",
            "Store.write",
            "insert_many(documents, ordered=False, session=session)",
            "insert_many(documents, ordered=False)",
        ),
        seen_by=f"{RULES}::test_a_slice_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    planted(
        1,
        "the room is written outside of the transaction",
        edit(
            "store/store",
            "Store._write_room",
            "bulk_write(operations, ordered=False, session=session)",
            "bulk_write(operations, ordered=False)",
        ),
        seen_by=f"{RULES}::test_a_slice_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    # versions and keys
    planted(
        2,
        "staff decide on what they loaded before the transaction, and write without a version",
        WRITE_UNGUARDED,
        edit(
            "store/store",
            "Store.act",
            'done = await self.db.actions.find_one({"_id": key}, session=session)',
            "unit = self.unit()\n"
            "            await self.load(unit, needs, None)\n"
            '            done = await self.db.actions.find_one({"_id": key}, session=session)',
        ),
        edit(
            "store/store",
            "Store.act",
            "            unit = self.unit()\n            await self.load(unit, needs, session)\n",
            "",
        ),
        edit("store/store", "Store.act", "if tries > 1:", "if False:"),
        edit("store/store", "Store.persist", "await heartbeat.check(self, seen, session)", "pass"),
        seen_by=f"{RIVALS}::test_staff_act_on_a_case_while_facts_arrive_and_nothing_is_written_away",
    ),
    planted(
        3,
        "a staff action has no key of its own",
        edit("store/store", "Store.act", "if done is not None:", "if False:"),
        edit("store/store", "Store.act", '{"_id": key, "at"', '{"at"'),
        seen_by=(
            f"{RIVALS}::test_an_action_with_one_key_happens_once_however_often_it_is_tried",
            f"{RIVALS}::test_a_commit_of_which_nobody_knows_counts_once_for_staff_and_for_facts",
        ),
    ),
    planted(
        4,
        "emit does not ask for the size",
        edit(
            "records",
            "Message.__post_init__",
            "if self.size > MAX_RECORD_BYTES",
            "if self.size < 0",
        ),
        seen_by=f"{ORDER}::test_what_can_never_succeed_stops_its_own_case_only[tell too much]",
    ),
)
