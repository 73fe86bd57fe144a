"""A store that was restored to an earlier state."""

from typing import Final

from tests.regressions.catalogue.entry import RESTORED, Regression, planted
from tests.regressions.edits import change_condition, change_expression, change_statement, drop

__all__ = ["RESTORES"]

COMPARE: Final = "shared/engine/rollback/topic_scan.py::TopicScan.compare"
NUMBER: Final = "shared/engine/rollback/republished.py::Republished.number"
COUNT: Final = "shared/engine/rollback/detector.py::RollbackDetector.count"
READ_AGAIN: Final = "shared/engine/rollback/review.py::RollbackReview._check_read_again"
GO_BACK: Final = "shared/engine/consume/partition_worker.py::PartitionWorker._rewind_to_watermark"
SAVE: Final = "shared/engine/outbox/relay_positions.py::RelayPositions.save"

RESTORES: Final[tuple[Regression, ...]] = (
    planted(
        25,
        "the store is not compared with its own topics",
        change_condition(
            COMPARE, "AT < END", "AT < START", given="for PLACE, (START, END) in ENDS: ..."
        ),
        seen_by=f"{RESTORED}::test_a_fact_that_only_the_topic_knows_stops_its_own_case_until_a_person_goes_on",
    ),
    planted(
        25,
        "an event that was published before is published again",
        change_statement(NUMBER, "return COUNTED + 1, True", "return COUNTED + 1, False"),
        seen_by=f"{RESTORED}::test_after_a_restore_all_is_read_again_and_nothing_is_published_twice",
    ),
    planted(
        25,
        "a different event is published under an assigned number",
        drop(NUMBER, "raise REJECTED(OTHERWISE)"),
        seen_by=f"{RESTORED}::test_a_fact_that_only_the_topic_knows_stops_its_own_case_until_a_person_goes_on",
    ),
    planted(
        25,
        "a store that is restored under a running service is not detected",
        change_expression(
            COUNT, '{"_id": ROW_ID, "beat": {"$gte": BEAT}}', '{"_id": ROW_ID, "beat": {"$gte": 0}}'
        ),
        change_condition(COUNT, 'ROW["beat"] <= BEAT', 'ROW["beat"] < 0'),
        seen_by=f"{RESTORED}::test_a_store_that_is_restored_under_a_running_service_is_noticed",
    ),
    planted(
        25,
        "a case continues before all input is read again",
        change_statement(
            READ_AGAIN,
            """
            if LEFT:
                raise REJECTED
            """,
            """
            if LEFT < 0:
                raise REJECTED
            """,
            given="LEFT = sum(_)",
        ),
        seen_by=f"{RESTORED}::test_what_the_log_has_lost_since_is_reported_and_stops_until_a_person_goes_on",
    ),
    planted(
        25,
        "a case continues from its store's number, not above the published ones",
        change_statement(
            NUMBER, "return max(COUNTED, LAST) + 1, False", "return COUNTED + 1, False"
        ),
        seen_by=f"{RESTORED}::test_what_is_published_after_a_person_looked_has_a_number_above_all_that_was_published",
    ),
    planted(
        25,
        "events emitted before the rollback is detected are noted as known",
        drop(GO_BACK, "await GUARD.CHECK(SEEN)"),
        drop(SAVE, "await GUARD.CHECK(SEEN, SESSION)", given="SEEN = GUARD.BEAT"),
        seen_by=f"{RESTORED}::test_what_is_decided_on_a_store_before_its_rollback_is_noticed_hides_nothing",
    ),
    planted(
        25,
        "a late deadline is published again once its case has continued above it",
        change_expression(
            NUMBER,
            "[AT for AT, (KNOWN, REST) in LEFT if KNOWN == OWN]",
            "[AT for AT, (KNOWN, REST) in LEFT if KNOWN == OWN and AT > COUNTED]",
            given="return COUNTED + 1, True",
        ),
        seen_by=(
            f"{RESTORED}::test_a_deadline_that_had_fired_is_not_published_again_though_staff_acted_before_it_fires_anew",
            f"{RESTORED}::test_a_deadline_that_had_fired_before_what_parked_its_case_is_not_published_again",
        ),
    ),
)
