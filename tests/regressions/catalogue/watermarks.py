"""A partition: its watermark, and its owner."""

from dataclasses import replace
from typing import Final

from shared.errors import Unavailable
from tests.regressions.catalogue.entry import RULES, WRITE_UNGUARDED, Regression, planted
from tests.regressions.edits import (
    change_condition,
    change_expression,
    change_statement,
    drop,
    elsewhere,
    insert_before,
)

__all__ = ["WATERMARKS"]

OFFER: Final = "shared/engine/consume/record_queue.py::RecordQueue.offer"
RUN: Final = "shared/engine/consume/partition_worker.py::PartitionWorker._run"
TAKE_BATCH: Final = "shared/engine/consume/partition_worker.py::PartitionWorker._take_batch"
COMMIT: Final = "shared/engine/consume/batch.py::BatchCommitter._commit"
MOVE: Final = "shared/engine/consume/offset_store.py::move"
OWN: Final = "shared/engine/consume/offset_store.py::take"
MEASURE: Final = "shared/engine/consume/subscription.py::Subscription._measure"
DISPLAY: Final = "shared/engine/consume/subscription.py::Subscription._display"

MOVE_FROM_ANYWHERE: Final = change_expression(
    MOVE, '{"_id": ID, "offset": OFFSET, "epoch": EPOCH}', '{"_id": ID, "epoch": EPOCH}'
)

WATERMARKS: Final[tuple[Regression, ...]] = (
    planted(
        10,
        "a batch may begin behind the watermark: `o <= first`",
        change_condition(OFFER, "OFFSET != EXPECTED", "OFFSET < EXPECTED"),
        change_expression(
            MOVE,
            '{"_id": ID, "offset": OFFSET, "epoch": EPOCH}',
            '{"_id": ID, "offset": {"$lte": OFFSET}, "epoch": EPOCH}',
        ),
        seen_by=f"{RULES}::test_a_record_that_the_client_skips_is_asked_for_again",
    ),
    planted(
        10,
        "the watermark is moved from any position",
        MOVE_FROM_ANYWHERE,
        seen_by=f"{RULES}::test_a_batch_that_does_not_begin_at_the_watermark_is_refused_whole",
    ),
    planted(
        11,
        "after an unclear commit the worker assumes success and continues",
        MOVE_FROM_ANYWHERE,
        change_statement(
            TAKE_BATCH,
            "WORKER.MARK, UNIT = await COMMIT(WORKER.MARK, RECORDS)",
            """
            try:
                WORKER.MARK, UNIT = await COMMIT(WORKER.MARK, RECORDS)
            except UNAVAILABLE:
                WORKER.MARK = REPLACE(WORKER.MARK, OFFSET=RECORDS[-1].OFFSET + 1)
            """,
            given=elsewhere(OFFER, "_.OFFSET != _"),
            imports={"REPLACE": replace, "UNAVAILABLE": Unavailable},
        ),
        seen_by=f"{RULES}::test_a_batch_whose_commit_fails_has_no_effect_and_frees_nothing_that_waits",
    ),
    planted(
        12,
        "a fenced owner stops",
        insert_before(
            RUN,
            """
            WORKER.QUEUE.CLOSE()
            WORKER.MARK = None
            """,
            "return",
        ),
        seen_by=f"{RULES}::test_an_owner_that_was_fenced_by_a_late_rival_takes_its_partition_again",
    ),
    planted(
        12,
        "a dead owner's open transaction stays open",
        change_condition(OWN, 'KNOWN is not None and "session" in KNOWN', "False"),
        seen_by=f"{RULES}::test_what_a_dead_owner_left_open_holds_up_no_heir",
    ),
    planted(
        13,
        "lag is measured from the consumer's position",
        change_statement(
            MEASURE,
            "WORKER.NOTE(ENDS[PLACE])",
            """
            behind = ENDS[PLACE] - await CONSUMER.position(PLACE)
            WORKER.NOTE((WORKER.MARK.OFFSET if WORKER.MARK else 0) + behind)
            """,
            given=(
                "ENDS = await CONSUMER.end_offsets(_)",
                elsewhere(MEASURE, "_.MARK or _.HALTED"),
                elsewhere(DISPLAY, "(_.OFFSET, _)"),
            ),
        ),
        seen_by=f"{RULES}::test_a_last_record_that_the_client_skips_is_found_by_the_lag_it_leaves",
    ),
    planted(
        14,
        "the worker decides on data loaded before the transaction, and writes without a version",
        WRITE_UNGUARDED,
        insert_before(
            COMMIT,
            "async with STORE.TRANSACTION(_) as SESSION: ...",
            "await LOAD(UNIT, ARRIVALS, None)",
            given="await LOAD(UNIT, ARRIVALS, SESSION)",
        ),
        drop(COMMIT, "await LOAD(UNIT, ARRIVALS, SESSION)"),
        seen_by=f"{RULES}::test_what_staff_decide_while_a_batch_is_open_is_not_overwritten",
    ),
)
