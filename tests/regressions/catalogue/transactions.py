"""One transaction, versions that guard it, and keys that make an act happen once."""

from typing import Final

from shared.engine.store.writes import pack
from tests.regressions.catalogue.entry import (
    ORDER,
    RIVALS,
    RULES,
    STORE,
    STORE_WRITE,
    WRITE_UNGUARDED,
    Regression,
    planted,
)
from tests.regressions.edits import (
    change_condition,
    change_expression,
    change_statement,
    drop,
    elsewhere,
    insert_before,
)

__all__ = ["TRANSACTIONS"]

WRITE_PARKED: Final = "shared/engine/store/writes.py::_write_parked"
ACT: Final = "shared/engine/store/store.py::Store.act.step"
PERSIST: Final = "shared/engine/store/store.py::Store.persist"
COMMIT: Final = "shared/engine/consume/batch.py::BatchCommitter._commit"
SIZED: Final = "shared/engine/records.py::Message.__post_init__"

LOAD_FOR_ACT: Final = """
    UNIT = STORE.NEW()
    await STORE.LOAD(UNIT, NEEDS, SESSION)
    """

TRANSACTIONS: Final[tuple[Regression, ...]] = (
    # one transaction
    planted(
        1,
        "the outbox is written before the transaction commits, outside of it",
        change_expression(
            STORE_WRITE, "OUTBOX.insert_one(PACKED, session=SESSION)", "OUTBOX.insert_one(PACKED)"
        ),
        seen_by=f"{RULES}::test_a_batch_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    planted(
        1,
        "the outbox is written after the transaction",
        change_statement(
            STORE_WRITE,
            """
            for PACKED in PACK(UNIT.MESSAGES):
                INSERTED
            """,
            """
            for PACKED in ():
                INSERTED
            """,
        ),
        insert_before(
            COMMIT,
            "STORE.SETTLE(UNIT)",
            """
            for packed in PACK(UNIT.OUTGOING.MESSAGES):
                await STORE.DB.OUTBOX.insert_one(packed)
            """,
            given=(
                "UNIT = STORE.NEW()",
                elsewhere(STORE, "_(_.DB, _, _)"),
                elsewhere(STORE_WRITE, "for _ in _(_.OUTGOING.MESSAGES): ..."),
                elsewhere(STORE_WRITE, "_.OUTBOX.insert_one(_, session=_)"),
            ),
            imports={"PACK": pack},
        ),
        seen_by=f"{RULES}::test_a_fact_is_published_even_if_the_outbox_could_not_be_written_at_first",
    ),
    planted(
        1,
        "effects are written outside of the marks' transaction",
        change_expression(
            STORE_WRITE,
            "COLLECTION.insert_many(DOCUMENTS, ordered=False, session=SESSION)",
            "COLLECTION.insert_many(DOCUMENTS, ordered=False)",
        ),
        seen_by=f"{RULES}::test_a_batch_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    planted(
        1,
        "the parking lot is written outside of the transaction",
        change_expression(
            WRITE_PARKED,
            "PARKED.bulk_write(OPERATIONS, ordered=False, session=SESSION)",
            "PARKED.bulk_write(OPERATIONS, ordered=False)",
        ),
        seen_by=f"{RULES}::test_a_batch_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    # versions and keys
    planted(
        2,
        "an act of staff decides on data loaded before the transaction, and writes without a version",
        WRITE_UNGUARDED,
        insert_before(
            ACT,
            'DONE = await ACTIONS.find_one({"_id": KEY}, session=SESSION)',
            """
            UNIT = STORE.NEW()
            await STORE.LOAD(UNIT, NEEDS, None)
            """,
            given=LOAD_FOR_ACT,
        ),
        drop(ACT, LOAD_FOR_ACT),
        change_condition(ACT, "TRIES > 1", "False"),
        drop(PERSIST, "await GUARD.CHECK(SEEN, SESSION)", given="SEEN = GUARD.BEAT"),
        seen_by=f"{RIVALS}::test_staff_act_on_a_case_while_facts_arrive_and_nothing_is_written_away",
    ),
    planted(
        3,
        "an act of staff has no key of its own",
        change_condition(ACT, "DONE is not None", "False"),
        change_expression(
            ACT,
            '{"_id": KEY, "at": NOW, "outcome": OUTCOME}',
            '{"at": NOW, "outcome": OUTCOME}',
        ),
        seen_by=(
            f"{RIVALS}::test_an_action_with_one_key_happens_once_however_often_it_is_tried",
            f"{RIVALS}::test_a_commit_of_which_nobody_knows_counts_once_for_staff_and_for_facts",
        ),
    ),
    planted(
        4,
        "emit does not check the size",
        change_condition(SIZED, "SIZE > MOST", "SIZE < 0"),
        seen_by=f"{ORDER}::test_what_can_never_succeed_stops_its_own_case_only[emit too much]",
    ),
)
