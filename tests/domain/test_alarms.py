"""Alarms: one declaration, and all that is written from it agrees."""

from pathlib import Path

import pytest
import yaml

from deploy.alarms import ALARMS, FILE, RUNBOOKS, UP, firing
from deploy.embedded.paths import CLONE

PAGES = CLONE / RUNBOOKS


def test_each_rule_for_prometheus_is_one_that_it_takes() -> None:
    (group,) = yaml.safe_load(FILE.read_text())["groups"]

    assert [rule["annotations"]["runbook"] for rule in group["rules"]] == [
        alarm.page for alarm in ALARMS
    ]
    for rule in group["rules"]:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["alert"].isidentifier()


def test_the_table_of_runbooks_has_a_row_for_each_alarm() -> None:
    shown = [line for line in (PAGES / "README.md").read_text().splitlines() if "| `" in line]

    assert [line.partition("]")[0] for line in shown] == [f"| [{alarm.name}" for alarm in ALARMS]


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_alarm_stands_past_its_limit_and_not_at_it(alarm) -> None:
    limit = alarm.above if alarm.above is not None else alarm.below
    past = limit + 1 if alarm.above is not None else limit - 1

    service = alarm.only or "intake"

    stands = {each.alarm: each for each in firing(service, [{alarm.metric: [past]}])}[alarm]

    assert stands.sentence.startswith(f"{service}: ")
    assert "{" not in stands.sentence
    assert alarm not in {each.alarm for each in firing(service, [{alarm.metric: [limit]}])}


def test_rights_that_wait_are_an_alarm_of_notify_alone() -> None:
    figures = [{"samraad_outbox_oldest_seconds": [2.5]}]

    assert [each.alarm.name for each in firing("notify", figures)] == ["rights"]
    assert firing("psp", figures) == []
    rules = yaml.safe_load(FILE.read_text())["groups"][0]["rules"]
    (rule,) = (each for each in rules if each["annotations"]["runbook"].endswith("/rights.md"))
    assert rule["expr"] == 'max by (job) (samraad_outbox_oldest_seconds{job="notify"}) > 2'


def test_one_process_of_two_that_does_not_answer_is_enough() -> None:
    (stands,) = firing("notify", [{UP: [1.0]}, {UP: [0.0]}])

    assert stands.sentence == "notify: one of its processes does not answer"


def test_a_figure_that_is_not_reported_is_no_alarm() -> None:
    figures = {UP: [1.0], "samraad_database_answers": [0.0]}

    assert [each.alarm.name for each in firing("psp", [figures])] == ["database"]


def test_halts_of_all_processes_are_counted_together() -> None:
    halted = "samraad_halted_partitions"

    (stands,) = firing("psp", [{halted: [1.0]}, {halted: [2.0]}])

    assert stands.sentence == "psp: 3 of its partitions are halted until an operator acts"


def test_each_page_of_an_alarm_is_there() -> None:
    missing = [alarm.page for alarm in ALARMS if not Path(CLONE / alarm.page).is_file()]

    assert missing == []
