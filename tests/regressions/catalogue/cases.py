"""A case: its order, its parking, what people do about it, and readers that join late."""

from typing import Final

from shared.errors import Unavailable
from tests.regressions.catalogue.entry import (
    ORDER,
    RIVALS,
    RULES,
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

__all__ = ["CASES"]

TAKE: Final = "shared/engine/consume/inbox.py::Inbox.take"
HANDLE: Final = "shared/engine/consume/inbox.py::Inbox._handle"
APPLY: Final = "shared/engine/consume/inbox.py::Inbox._apply"
KEEP: Final = "shared/engine/consume/inbox.py::Inbox._keep"
PARK: Final = "shared/engine/consume/inbox.py::Inbox.park"
DRAIN: Final = "shared/engine/consume/inbox.py::Inbox.resume"
TAKE_ANY: Final = "shared/engine/consume/batch.py::BatchCommitter.take"
SWEEP: Final = "shared/engine/parking/parking_lot.py::ParkingLot.sweep"
PASS_OVER: Final = "shared/engine/parking/parking_lot.py::ParkingLot._pass_over"
GO_ON: Final = "shared/engine/parking/resume.py::Resumer._resume.step"
OWN: Final = "shared/engine/consume/offset_store.py::take"

CASES: Final[tuple[Regression, ...]] = (
    # sequences
    planted(
        15,
        "a repeat is not recognised by its sequence",
        change_condition(TAKE, "SEQUENCE <= MARK", "False"),
        seen_by=f"{ORDER}::test_a_fact_that_is_repeated_at_new_offsets_has_one_effect",
    ),
    planted(
        15,
        "each event of a batch sees the marks as loaded",
        change_statement(
            TAKE,
            "MARK = MARKS.get(SOURCE, 0)",
            """
            MARK = vars(UNIT).setdefault("as_loaded", {}).setdefault(
                (CASE_ID, SOURCE), MARKS.get(SOURCE, 0)
            )
            """,
            given="_ = UNIT.LOADED(UNIT.CASES, CASE_ID).PROTOCOL",
        ),
        seen_by=f"{ORDER}::test_a_fact_that_is_repeated_at_new_offsets_has_one_effect",
    ),
    planted(
        16,
        "an unknown type does not move the mark",
        change_condition(
            TAKE,
            "SEQUENCE <= MARK",
            "ENVELOPE.TYPE not in SELF.HANDLERS or SEQUENCE <= MARK",
            given=(
                """
                if ENVELOPE is None:
                    SELF.PARK(_, _, _, _)
                    return
                """,
                elsewhere(HANDLE, "_.HANDLERS.get(_.TYPE)"),
            ),
        ),
        seen_by=f"{ORDER}::test_a_fact_of_an_unknown_type_moves_the_mark",
    ),
    planted(
        17,
        "no event waits for a gap",
        change_condition(TAKE, "PARKED or SEQUENCE > MARK + 1", "PARKED"),
        seen_by=f"{ORDER}::test_facts_that_arrive_out_of_order_have_their_effects_in_order",
    ),
    planted(
        17,
        "the worker stops before a gap",
        insert_before(
            TAKE,
            "if SEQUENCE <= MARK: ...",
            """
            if SEQUENCE > MARK + 1 and not PARKED:
                raise UNAVAILABLE("a fact is missing")
            """,
            given="PARKED or SEQUENCE > MARK + 1",
            imports={"UNAVAILABLE": Unavailable},
        ),
        change_statement(
            TAKE_ANY,
            """
            try:
                ATTEMPT
            except Exception as ERROR:
                PARK_IT
            """,
            """
            try:
                ATTEMPT
            except UNAVAILABLE:
                raise
            except Exception as ERROR:
                PARK_IT
            """,
            imports={"UNAVAILABLE": Unavailable},
        ),
        seen_by=f"{ORDER}::test_a_gap_waits_in_the_database_while_the_partition_flows_on",
    ),
    planted(
        17,
        "storing an event does not write its case",
        insert_before(
            KEEP,
            "UNIT.TOUCH(_, _, REPLACE(PROTOCOL, WAITING=True))",
            """
            if PROTOCOL.WAITING:
                return
            """,
        ),
        seen_by=f"{RULES}::test_what_is_kept_while_a_redrive_passes_by_is_not_left_behind",
    ),
    planted(
        17,
        "no sweeper continues a resume that stopped because of its size",
        change_expression(SWEEP, "0 if FACTS is None else SWEPT", "0 if FACTS else SWEPT"),
        seen_by=f"{ORDER}::test_a_drain_that_stopped_for_size_goes_on_by_itself",
    ),
    planted(
        17,
        "`waiting` is cleared although not all waiting rows were loaded",
        change_condition(DRAIN, "WAITING and not ROWS and UNIT.IS_WHOLE", "WAITING and not ROWS"),
        seen_by=f"{ORDER}::test_a_drain_that_stopped_for_size_goes_on_by_itself",
    ),
    # parking and what people do
    planted(
        18,
        "parking moves the mark",
        change_expression(
            PARK,
            "REPLACE(PROTOCOL, PARKED=REASON)",
            "REPLACE(PROTOCOL.MARKED(ARRIVAL.SOURCE, ARRIVAL.SEQUENCE), PARKED=REASON)",
            given=(
                "ARRIVAL.ENVELOPE is None",
                elsewhere(APPLY, "_ = _.MARKED(_.SOURCE, _.SEQUENCE)"),
            ),
        ),
        seen_by=f"{ORDER}::test_a_failed_attempt_leaves_no_trace_even_of_what_it_changed_in_place",
    ),
    planted(
        18,
        "changes of the failed handler are kept",
        drop(APPLY, "UNIT.ROLL_BACK(BEFORE)", given="BEFORE = UNIT.SAVEPOINT()"),
        seen_by=f"{ORDER}::test_a_failed_attempt_leaves_no_trace_even_of_what_it_changed_in_place",
    ),
    planted(
        19,
        "a discard does not move the mark",
        change_expression(PASS_OVER, 'PROTOCOL.MARKED(ROW["source"], ROW["sequence"])', "PROTOCOL"),
        seen_by=f"{ORDER}::test_a_discard_goes_on_with_what_waited_and_keeps_its_reason",
    ),
    planted(
        19,
        "a resume decides on data loaded before its transaction, and writes without a version",
        WRITE_UNGUARDED,
        change_statement(
            GO_ON,
            "UNIT, THERE = await OPEN(CASE_ID, SESSION)",
            "UNIT, THERE = await OPEN(CASE_ID, None)",
        ),
        seen_by=f"{RULES}::test_a_redrive_writes_away_nothing_that_was_decided_since_it_looked",
    ),
    # joining late
    planted(
        20,
        "a reader of a log without its beginning adopts the log's start",
        change_condition(OWN, "KNOWN is None and LOG_START > 0", "False"),
        change_expression(
            OWN,
            '{"offset": 0}',
            '{"offset": LOG_START}',
            given="KNOWN is None and LOG_START > 0",
        ),
        seen_by=f"{RIVALS}::test_a_new_reader_of_a_log_without_its_beginning_halts",
    ),
    planted(
        20,
        "a watermark outside the log is moved to its start",
        change_condition(
            OWN, 'KNOWN is not None and not LOG_START <= KNOWN["offset"] <= LOG_END', "False"
        ),
        seen_by=(
            f"{RIVALS}::test_a_watermark_outside_the_log_halts_with_a_sentence_until_a_person_goes_on"
        ),
    ),
    planted(
        20,
        "the first sequence that arrives is adopted",
        change_statement(
            TAKE,
            "MARK = MARKS.get(SOURCE, 0)",
            "MARK = MARKS.get(SOURCE, SEQUENCE - 1)",
            given="SEQUENCE <= MARK",
        ),
        seen_by=f"{ORDER}::test_facts_that_arrive_out_of_order_have_their_effects_in_order",
    ),
)
