"""The table of whom facts concern: a row describes a whole notice, and no fact is left out of it."""

import json
import pkgutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import shared.contracts
from services.notify import domain
from services.notify.handlers import make_inbox
from services.notify.rules import NOBODY, RULES, rule_of
from shared.cases.working_time import ACKNOWLEDGE_WITHIN
from shared.contracts import Fact, topics
from shared.contracts.schemas import DRAFTS, FACTS
from shared.contracts.wire import topics_of

GOLDEN = Path(__file__).parents[1] / "contracts" / "golden"
NOW = datetime(2026, 11, 24, 9, 38, tzinfo=UTC)


def published_types():
    """Every fact that a module of the contracts defines with a type of its own."""
    for module in pkgutil.iter_modules(shared.contracts.__path__):
        for kind in vars(import_module(f"shared.contracts.{module.name}")).values():
            if isinstance(kind, type) and issubclass(kind, Fact) and "type" in vars(kind):
                yield kind


FACT_TYPES = sorted(set(published_types()), key=lambda fact: fact.type)


@pytest.mark.parametrize("fact", FACT_TYPES, ids=lambda fact: fact.type)
def test_every_fact_either_has_a_row_or_concerns_nobody(fact):
    has_row = any(rule.fact is fact for rule in RULES)

    assert has_row != (fact in NOBODY), f"{fact.type} belongs in RULES or in NOBODY"
    assert {**FACTS, **DRAFTS}[fact.type] is fact


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.fact.type} {rule.step or ''}")
def test_a_row_is_found_by_what_a_stored_notice_keeps_of_its_fact(rule):
    assert rule_of(rule.fact.type, rule.step and rule.step.value) is rule


def test_no_two_rows_are_for_the_same_and_each_fact_with_steps_has_a_row_for_any_other():
    assert set(Counter((rule.fact, rule.step) for rule in RULES).values()) == {1}
    assert {rule.fact for rule in RULES} == {rule.fact for rule in RULES if rule.step is None}


def test_notify_takes_in_every_fact_that_has_a_row():
    assert {rule.fact for rule in RULES} <= set(make_inbox().types)


def test_notify_reads_every_topic_that_the_declaration_lets_it_read_about_cases():
    taken_in = {topic for fact in make_inbox().types for topic in topics_of(fact)}

    allowed = {
        topic.name
        for topic in topics.load().topics
        if "notify" in topic.reads and "notify" not in topic.writes
    }
    assert taken_in == allowed


@pytest.mark.parametrize(
    ("about", "step", "danish", "english"),
    [
        (
            "intake.triage_waiting.v1",
            None,
            "Henvendelse venter på afgørelse",
            "Report waits for triage",
        ),
        (
            "intake.triage_overdue.v1",
            None,
            "Frist overskredet: henvendelse venter stadig på afgørelse",
            "Deadline passed: a report still waits for triage",
        ),
        (
            "mediation.case_received.v1",
            None,
            "Ny sag: skal vurderes til konfliktråd",
            "New case: to be assessed for mediation",
        ),
        (
            "mediation.step_due.v1",
            "contact_parties",
            "Frist overskredet: sagen skulle være vurderet, og parterne kontaktet",
            "Deadline passed: the case should have been assessed and the parties contacted",
        ),
        (
            "mediation.step_due.v1",
            "a-later-step",
            "Frist overskredet: næste skridt i sagen mangler",
            "Deadline passed: the case's next step is missing",
        ),
        (
            "mediation.screened.v1",
            "suitable",
            "Sagen er egnet: parterne skal kontaktes",
            "The case is suitable: the parties are to be contacted",
        ),
        (
            "mediation.screened.v1",
            "second_look",
            "Sagen skal ses på igen",
            "The case must be looked at again",
        ),
        (
            "mediation.screened.v1",
            "unsuitable",
            "Sagen er afsluttet: ikke egnet til konfliktråd",
            "The case is closed: not suitable for mediation",
        ),
        (
            "mediation.screened.v1",
            "a-later-result",
            "Sagens egnethed er vurderet",
            "The case was assessed for mediation",
        ),
        (
            "psp.case_received.v1",
            None,
            "Ny sag: skal vurderes til PSP",
            "New case: to be judged for PSP",
        ),
        (
            "psp.access_changed.v1",
            None,
            "Ny sag: skal vurderes til PSP",
            "New case: to be judged for PSP",
        ),
        (
            "psp.access_changed.v1",
            "no_readers",
            "Sag uden modtager: ingen i PSP kan åbne den",
            "Case without a recipient: nobody in PSP can open it",
        ),
        (
            "psp.step_due.v1",
            "no_readers",
            "Frist overskredet: ingen i PSP kan åbne sagen",
            "Deadline passed: nobody in PSP can open the case",
        ),
        (
            "psp.necessity_judged.v1",
            "necessary",
            "Vurderet: det er nødvendigt at dele sagen",
            "Judged: it is necessary to share the case",
        ),
        (
            "psp.necessity_judged.v1",
            "not_necessary",
            "Sagen er afsluttet: det var ikke nødvendigt at dele den",
            "The case is closed: it was not necessary to share it",
        ),
        (
            "psp.necessity_judged.v1",
            "a-later-result",
            "Sagens nødvendighed er vurderet",
            "The necessity of the case was judged",
        ),
        (
            "psp.step_due.v1",
            "judge_necessity",
            "Frist overskredet: sagen skulle være vurderet til PSP",
            "Deadline passed: the case should have been judged for PSP",
        ),
        (
            "psp.step_due.v1",
            None,
            "Frist overskredet: næste skridt i sagen mangler",
            "Deadline passed: the case's next step is missing",
        ),
    ],
)
def test_a_notice_describes_what_has_happened_in_both_languages(about, step, danish, english):
    text = rule_of(about, step).text

    assert (text.in_language("da"), text.in_language("en")) == (danish, english)


def test_a_rule_for_what_is_not_in_the_table_does_not_exist():
    assert rule_of("honour.case_received.v1", None) is None


@pytest.mark.parametrize(
    ("about", "notice_id"),
    [
        ("intake.triage_overdue.v1", "6b248c62-5368-5b1b-ba97-24e3518d1ecf"),
        ("intake.triage_waiting.v1", "044c2480-0b37-5951-857a-9d58a9303632"),
        ("mediation.case_received.v1", "f76c6a38-1ed7-5c6c-a5e4-5da9f14795f1"),
        ("mediation.screened.v1", "7c362487-18ef-58f8-a299-999443dbb6e6"),
        ("mediation.step_due.v1", "aa2c7a5d-b815-5268-92d1-443b02814dfc"),
        ("psp.step_due.v1", "ebb2c19c-5d3a-595a-aae5-0941c43f58ab"),
    ],
)
def test_the_id_of_a_notice_is_that_of_its_cause_for_ever(about, notice_id):
    record = json.loads((GOLDEN / f"{about}.json").read_text(encoding="utf-8"))
    fact = FACTS[about].read(json.dumps(record["value"]).encode())

    [notice] = domain.notices_of(fact)

    assert str(notice.id) == notice_id


@given(seconds=st.integers(-400_000, 400_000))
def test_a_notice_without_a_deadline_is_recalled_when_nobody_acknowledges_it_in_time(seconds):
    now = NOW + timedelta(seconds=seconds)

    assert domain.remind_at(None, now, ACKNOWLEDGE_WITHIN) == ACKNOWLEDGE_WITHIN.after(now)
