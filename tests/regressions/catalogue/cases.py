"""A case: its order, its parking, what people do about it, and readers that join late."""

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

__all__ = ["CASES"]

CASES: Final[tuple[Regression, ...]] = (
    # sequences
    planted(
        15,
        "a repeat is not told by its sequence",
        edit("consume/inbox", "Facts.take", "arrival.sequence <= mark", "False"),
        seen_by=f"{ORDER}::test_a_fact_that_is_repeated_at_new_offsets_has_one_effect",
    ),
    planted(
        15,
        "each event of a slice sees the marks as loaded",
        edit(
            "consume/inbox",
            "Facts.take",
            "mark = protocol.marks.get(arrival.source, 0)",
            'mark = vars(unit).setdefault("as_loaded", {}).setdefault('
            "(arrival.case_id, arrival.source), protocol.marks.get(arrival.source, 0))",
        ),
        seen_by=f"{ORDER}::test_a_fact_that_is_repeated_at_new_offsets_has_one_effect",
    ),
    planted(
        16,
        "an unknown type leaves the mark",
        edit(
            "consume/inbox",
            "Facts.take",
            "if arrival.sequence <= mark:",
            "if arrival.envelope.type not in self._handlers or arrival.sequence <= mark:",
        ),
        seen_by=f"{ORDER}::test_a_fact_of_an_unknown_type_moves_the_mark",
    ),
    planted(
        17,
        "nothing waits for a gap",
        edit("consume/inbox", "Facts.take", "or arrival.sequence > mark + 1", ""),
        seen_by=f"{ORDER}::test_facts_that_arrive_out_of_order_have_their_effects_in_order",
    ),
    planted(
        17,
        "the lane stands still before a gap",
        edit(
            "consume/inbox",
            "Facts.take",
            "        if arrival.sequence <= mark:",
            "        if arrival.sequence > mark + 1 and not protocol.parked:\n"
            "            from shared.errors import Unavailable\n"
            '            raise Unavailable("a fact is missing")\n'
            "        if arrival.sequence <= mark:",
        ),
        edit(
            "consume/batch",
            "Slices.take",
            "        except Exception as error:",
            '        except __import__("shared.errors").errors.Unavailable:\n'
            "            raise\n"
            "        except Exception as error:",
        ),
        seen_by=f"{ORDER}::test_a_gap_waits_in_the_database_while_the_partition_flows_on",
    ),
    planted(
        17,
        "keeping an event does not write its case",
        edit(
            "consume/inbox",
            "Facts._keep",
            "        unit.touch(",
            "        if protocol.waiting:\n            return\n        unit.touch(",
        ),
        seen_by=f"{RULES}::test_what_is_kept_while_a_redrive_passes_by_is_not_left_behind",
    ),
    planted(
        17,
        "no sweeper resumes a drain that stopped for size",
        edit(
            "parking/parking_lot",
            "Room.sweep",
            "0 if self.facts is None else",
            "0 if self.facts else",
        ),
        seen_by=f"{ORDER}::test_a_drain_that_stopped_for_size_goes_on_by_itself",
    ),
    planted(
        17,
        "`waiting` is taken back though not all that waits was loaded",
        edit("consume/inbox", "Facts.drain", " and unit.room_is_whole", ""),
        seen_by=f"{ORDER}::test_a_drain_that_stopped_for_size_goes_on_by_itself",
    ),
    # parking and what people do
    planted(
        18,
        "parking moves the mark",
        edit(
            "consume/inbox",
            "Facts.park",
            "replace(protocol, parked=reason)",
            "replace(protocol.marked(arrival.source, arrival.sequence), parked=reason)",
        ),
        seen_by=f"{ORDER}::test_a_failed_attempt_leaves_no_trace_even_of_what_it_changed_in_place",
    ),
    planted(
        18,
        "traces of the failed handler are left",
        edit("consume/inbox", "Facts._apply", "            unit.roll_back(before)\n", ""),
        seen_by=f"{ORDER}::test_a_failed_attempt_leaves_no_trace_even_of_what_it_changed_in_place",
    ),
    planted(
        19,
        "a discard does not move the mark",
        edit(
            "parking/parking_lot",
            "Room._pass_over",
            'protocol.marked(row["source"], row["sequence"])',
            "protocol",
        ),
        seen_by=f"{ORDER}::test_a_discard_goes_on_with_what_waited_and_keeps_its_reason",
    ),
    planted(
        19,
        "a drain decides on what it loaded before its transaction, and writes without a version",
        WRITE_UNGUARDED,
        edit(
            "parking/resume",
            "Drains._go_on",
            "await self._open(case_id, session)",
            "await self._open(case_id, None)",
        ),
        seen_by=f"{RULES}::test_a_redrive_writes_away_nothing_that_was_decided_since_it_looked",
    ),
    # joining late
    planted(
        20,
        "a reader of a log without its beginning adopts where it starts",
        edit("consume/offset_store", "take", "if known is None and log_start > 0:", "if False:"),
        edit("consume/offset_store", "take", '{"offset": 0}', '{"offset": log_start}'),
        seen_by=f"{RIVALS}::test_a_new_reader_of_a_log_without_its_beginning_halts",
    ),
    planted(
        20,
        "a watermark outside the log is moved to its start",
        edit(
            "consume/offset_store",
            "take",
            'if known is not None and not log_start <= known["offset"] <= log_end:',
            "if False:",
        ),
        seen_by=(
            f"{RIVALS}::test_a_watermark_outside_the_log_halts_with_a_sentence_until_a_person_goes_on"
        ),
    ),
    planted(
        20,
        "the first sequence that is seen is adopted",
        edit(
            "consume/inbox",
            "Facts.take",
            "mark = protocol.marks.get(arrival.source, 0)",
            "mark = protocol.marks.get(arrival.source, arrival.sequence - 1)",
        ),
        seen_by=f"{ORDER}::test_facts_that_arrive_out_of_order_have_their_effects_in_order",
    ),
)
