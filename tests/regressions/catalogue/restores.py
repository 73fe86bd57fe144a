"""A store that was put back to an earlier state."""

from typing import Final

from tests.regressions.catalogue.entry import RESTORED, Regression, edit, planted

__all__ = ["RESTORES"]

RESTORES: Final[tuple[Regression, ...]] = (
    planted(
        25,
        "the store is not compared with its own topics",
        edit("rollback/topic_scan", "OwnTopics.compare", "if at < end:", "if at < start:"),
        seen_by=f"{RESTORED}::test_a_fact_that_only_the_topic_knows_stops_its_own_case_until_a_person_goes_on",
    ),
    planted(
        25,
        "what was told before is told again",
        edit(
            "rollback/republished",
            "Retold.number",
            "return counted + 1, True",
            "return counted + 1, False",
        ),
        seen_by=f"{RESTORED}::test_after_a_restore_all_is_read_again_and_nothing_is_told_twice",
    ),
    planted(
        25,
        "something else is told under a number that was given out",
        edit("rollback/republished", "Retold.number", "raise Rejected(OTHERWISE)", "pass"),
        seen_by=f"{RESTORED}::test_a_fact_that_only_the_topic_knows_stops_its_own_case_until_a_person_goes_on",
    ),
    planted(
        25,
        "a store that is put back under a running service is not noticed",
        edit(
            "rollback/detector",
            "Restored.count",
            '"beat": {"$gte": self.store.beat}',
            '"beat": {"$gte": 0}',
        ),
        edit(
            "rollback/detector",
            "Restored.count",
            'row["beat"] <= self.store.beat',
            'row["beat"] < 0',
        ),
        seen_by=f"{RESTORED}::test_a_store_that_is_put_back_under_a_running_service_is_noticed",
    ),
    planted(
        25,
        "a case goes on before all is read again",
        edit("rollback/detector", "Restored._read_again", "if left:", "if left < 0:"),
        seen_by=f"{RESTORED}::test_what_the_log_has_lost_since_is_told_and_stops_until_a_person_goes_on",
    ),
    planted(
        25,
        "a case goes on from where its store stands, not above what was told",
        edit(
            "rollback/republished",
            "Retold.number",
            "max(counted, told.last) + 1, False",
            "counted + 1, False",
        ),
        seen_by=f"{RESTORED}::test_what_is_told_after_a_person_looked_has_a_number_above_all_that_was_told",
    ),
    planted(
        25,
        "what is told on a store before it is noticed to be put back is noted as known",
        edit(
            "consume/partition_worker",
            "Lane._go_back",
            "await heartbeat.check(self.slices.store, seen)",
            "pass",
        ),
        edit(
            "outbox/relay_positions",
            "Published.save",
            "await heartbeat.check(self._store, seen, session)",
            "pass",
        ),
        seen_by=f"{RESTORED}::test_what_is_decided_on_a_store_before_it_is_noticed_to_be_put_back_hides_nothing",
    ),
    planted(
        25,
        "what fires late is told again once its case has gone on above it",
        edit(
            "rollback/republished",
            "Retold.number",
            "if known == said]",
            "if known == said and at > counted]",
        ),
        seen_by=(
            f"{RESTORED}::test_a_deadline_that_had_fired_is_not_told_again_though_staff_acted_before_it_fires_anew",
            f"{RESTORED}::test_a_deadline_that_had_fired_before_what_parked_its_case_is_not_told_again",
        ),
    ),
)
