"""Codes and days are taken in the one spelling that is published, and a day must have been."""

import copy
import json
from datetime import UTC, datetime

import pytest

from shared.contracts.processes import PartnerKind
from shared.contracts.report import ReportRefused, check_report
from tests.contracts.letters import DISCLOSURE, disclosed, faults, mediation, person

ITEM = "/disclosure/items/0/date"
BORN = "/people/1/birth_date"


def dated(day):
    items = copy.deepcopy(DISCLOSURE["items"])
    items[0]["date"] = day
    return disclosed(items=items)


def born(day):
    return person(1, category="other", birth_date=day)


def errors_at(now, letter):
    """The errors of a letter that arrives at that time: field, rule and sentence."""
    try:
        check_report(
            json.dumps(letter).encode(),
            partner="prosecution-syd",
            kind=PartnerKind.PROSECUTION,
            municipalities=(),
            reference="V-2026-0147",
            now=now,
        )
    except ReportRefused as refused:
        return [(error.field, error.rule, error.message) for error in refused.errors]
    return []


@pytest.mark.parametrize("form", ["psp", "Psp", "pSP", " PSP", "PSP ", "PSP\u200b"])
def test_a_form_is_spelt_as_it_is_published(form):
    assert faults(disclosed(form=form)) == [("/disclosure/form", "unknown_value")]


@pytest.mark.parametrize(
    "day",
    [
        "2026-11-14T04:15:00+01:00",
        "2026-11-14T00:00:00Z",
        "20261114",
        "2026-W46-6",
        "14-11-2026",
        "2026-11-31",
        "",
    ],
)
def test_an_item_has_a_day_and_no_time(day):
    assert faults(dated(day)) == [(ITEM, "malformed")]


def test_an_item_is_from_today_at_the_latest():
    assert faults(dated("2026-11-24")) == []
    assert faults(dated("2026-11-25")) == [(ITEM, "in_the_future")]
    assert faults(dated("9999-12-31")) == [(ITEM, "in_the_future")]


def test_each_item_that_is_yet_to_come_is_named():
    one = DISCLOSURE["items"][0]
    items = [one, one | {"date": "2027-01-01"}, one, one | {"date": "2026-11-25"}]

    assert faults(disclosed(items=items)) == [
        ("/disclosure/items/1/date", "in_the_future"),
        ("/disclosure/items/3/date", "in_the_future"),
    ]


def test_a_fault_elsewhere_in_the_report_does_not_hide_a_day_to_come():
    letter = dated("2026-11-25") | {"proposed_by": "nobody"}

    assert faults(letter) == [(ITEM, "in_the_future"), ("/proposed_by", "unknown_value")]


def test_nobody_is_born_after_today():
    assert faults(born("2026-11-24")) == []
    assert faults(born("2026-11-25")) == [(BORN, "in_the_future")]


@pytest.mark.parametrize("letter", [born, dated], ids=["born", "dated"])
def test_today_is_a_day_of_the_calendar_here(letter):
    before_midnight = datetime(2026, 11, 24, 22, 54, tzinfo=UTC)
    within_five_minutes = datetime(2026, 11, 24, 22, 56, tzinfo=UTC)
    summer_night = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)

    assert [rule for _, rule, _ in errors_at(before_midnight, letter("2026-11-25"))] == [
        "in_the_future"
    ]
    assert errors_at(within_five_minutes, letter("2026-11-25")) == []
    assert (
        errors_at(summer_night, letter("2026-07-02") | {"occurred_at": "2026-07-01T12:00:00Z"})
        == []
    )


@pytest.mark.parametrize("day", ["1899-12-31", "1066-10-14", "0001-01-01", "0000-01-01"])
def test_no_day_is_before_1900(day):
    assert faults(born(day)) == [(BORN, "malformed")]
    assert faults(dated(day)) == [(ITEM, "malformed")]
    assert faults(mediation(details={"trial_date": day})) == [("/details/trial_date", "malformed")]
    assert faults(born("1900-01-01")) == []


def test_the_sentence_names_the_days_that_are_accepted():
    now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

    [early] = errors_at(now, born("1899-12-31"))
    [late] = errors_at(now, born("2026-11-25"))

    assert early == (BORN, "malformed", "Must be a date of 1900 or later: YYYY-MM-DD.")
    assert late == (BORN, "in_the_future", "Must not lie after today.")
