"""Deadlines as rules: how long, what they follow, when they act, and that they act once."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from types import SimpleNamespace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

import services.mediation.handlers as mediation_handlers
import services.psp.handlers as psp_handlers
from services.intake import domain as intake
from services.mediation import domain as mediation
from services.mediation.mediations import MEDIATIONS
from services.notify import domain as notify
from services.notify.handlers import make_timers as notify_deadlines
from services.notify.notices import NOTICES, acknowledge, deadlines_of, stored
from services.psp import domain as psp
from services.psp.psp_cases import PSP_CASES
from shared.cases.working_time import Length, LengthSetting, working_days_after
from shared.contracts import mediation as mediation_facts
from shared.contracts import psp as psp_facts
from shared.contracts.intake import CaseOpened, TriageOverdue
from shared.contracts.places import ZONE, PatrolCentre
from shared.contracts.processes import PartnerKind, Process
from shared.engine import LoadedDocument, Timer, Unit
from shared.engine.timers.timers import read_timer

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MOMENTS = st.integers(0, 10 * 365 * 86_400).map(lambda seconds: NOW + timedelta(seconds=seconds))
SECONDS = st.integers(-400_000, 400_000).map(lambda seconds: timedelta(seconds=seconds))

SERVICES = [
    SimpleNamespace(
        process=Process.MEDIATION,
        domain=mediation,
        store=MEDIATIONS,
        handlers=mediation_handlers,
        step=mediation_facts.Step.CONTACT_PARTIES,
        emitted_type=mediation_facts.StepDue,
    ),
    SimpleNamespace(
        process=Process.PSP,
        domain=psp,
        store=PSP_CASES,
        handlers=psp_handlers,
        step=psp_facts.Step.JUDGE_NECESSITY,
        emitted_type=psp_facts.StepDue,
    ),
]
BOTH = pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.process.value)


def a_case(service, reported_at=NOW):
    return CaseOpened(
        case_id=uuid4(),
        process=service.process,
        municipality="0630",
        patrol_centre=PatrolCentre.MID,
        reported_at=reported_at,
        occurred_at=reported_at,
        reporter_kind=PartnerKind.POLICE,
        parties=(),
    )


# How long


@given(MOMENTS, st.integers(1, 60))
def test_a_length_in_working_days_ends_in_the_afternoon_of_a_working_day(moment, days):
    due = Length(working_days=days).after(moment).astimezone(ZONE)

    assert due.timetz().replace(tzinfo=None) == time(16)
    assert due.weekday() < 5
    assert due.date() > moment.astimezone(ZONE).date()
    assert due == working_days_after(moment, days)


@given(MOMENTS, st.integers(1, 60), st.integers(1, 60))
def test_working_days_add_up_and_more_of_them_are_never_sooner(moment, days, more):
    first = Length(working_days=days).after(moment)

    assert Length(working_days=more).after(first) == Length(working_days=days + more).after(moment)
    assert first < Length(working_days=days + more).after(moment)


@given(MOMENTS, st.integers(1, 3 * 365 * 86_400))
def test_a_length_on_the_clock_is_exactly_that_long(moment, seconds):
    length = Length.read(f"PT{seconds}S")

    assert length.after(moment) - moment == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1 working day", Length(working_days=1)),
        ("5 working days", Length(working_days=5)),
        ("PT24H", Length(span=timedelta(hours=24))),
        ("P1DT12H", Length(span=timedelta(hours=36))),
        (" PT2S ", Length(span=timedelta(seconds=2))),
    ],
)
def test_a_setting_gives_a_duration_in_words_or_as_iso_8601(text, length):
    assert TypeAdapter(LengthSetting).validate_python(text) == length


@pytest.mark.parametrize(
    "text", ["", "5", "0 working days", "5 days", "-PT5S", "PT0S", "P9999D", "soon", "PT0.01S"]
)
def test_what_is_no_length_is_refused_with_what_one_looks_like(text):
    with pytest.raises(ValidationError, match="5 working days"):
        TypeAdapter(LengthSetting).validate_python(text)


# What they follow, and that they act once


class Engine:
    """What the engine does around a step, in memory: documents, due rows, and emitted facts."""

    def __init__(self, service):
        self.service = service
        self.collection = service.store.collection
        self.facts = service.handlers.make_inbox()
        self.deadlines = service.handlers.make_timers()
        self.document = None
        self.rows = {}
        self.emitted = []

    def step(self, case_id, now, does):
        """Run a step; what it set, moved and cancelled counts at its end, as in a transaction."""
        unit = Unit(cases=self.collection, now=now)
        loaded = LoadedDocument.stored({**self.document, "version": 1}) if self.document else None
        unit.track(self.collection, str(case_id), loaded)
        does(unit)
        self.document = unit.load(self.collection, str(case_id))
        if self.document is not None:
            self.document["_id"] = str(case_id)
        for row_id, row in unit.timers:
            self.rows.pop(row_id, None)
            if row is not None:
                self.rows[row_id] = row
        self.emitted += [
            self.service.emitted_type.read(message.value)
            for message in unit.outgoing.messages
            if message.envelope.type.endswith(".step_due.v1")
        ]

    def tick(self, case_id, now):
        """Fire what is due, as the scheduler does."""
        for row in [row for row in self.rows.values() if row["look_at"] <= now]:
            self.step(case_id, now, partial(self.deadlines.fire, read_timer(row)))

    @property
    def case(self):
        return self.service.store.read(self.document)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), SECONDS),
        st.tuples(st.just("move"), SECONDS),
        st.tuples(st.just("close"), SECONDS),
    ),
    max_size=12,
)


@BOTH
@given(acts=ACTS)
def test_whatever_happens_to_a_case_its_deadline_follows_and_each_is_published_at_most_once(
    service, acts
):
    opened, engine, now = a_case(service), Engine(service), NOW

    def take_in(unit):
        decided, _ = service.domain.RULES.on_case_opened(opened, None, NOW)
        service.store.save(unit, decided)

    engine.step(opened.case_id, now, take_in)
    expected = []
    for act, by in acts:
        case = engine.case
        match act:
            case "tick":
                now += abs(by)
                expected += [at for at in case.deadlines.values() if at <= now]
                engine.tick(opened.case_id, now)
            case "move":
                moved = replace(case, next_step=service.step, due_at=now + by, overdue=False)
                engine.step(
                    opened.case_id, now, lambda unit, to=moved: service.store.save(unit, to)
                )
            case _:
                closed = replace(case, next_step=None, due_at=None)
                engine.step(
                    opened.case_id, now, lambda unit, to=closed: service.store.save(unit, to)
                )
        due = {row["name"]: row["due_at"] for row in engine.rows.values()}
        assert due == engine.case.deadlines
    assert [fact.due_at for fact in engine.emitted] == expected


@BOTH
@given(early=st.integers(1, 10**6))
def test_a_deadline_that_comes_too_early_emits_nothing_and_stays_set(service, early):
    opened, engine = a_case(service), Engine(service)
    case, _ = service.domain.RULES.on_case_opened(opened, None, NOW)
    engine.step(opened.case_id, NOW, lambda unit: service.store.save(unit, case))
    due = Timer(service.step.value, str(opened.case_id), str(opened.case_id), NOW)
    before = case.due_at - timedelta(seconds=early)

    engine.step(opened.case_id, before, lambda unit: engine.deadlines.fire(due, unit))

    assert engine.emitted == []
    assert [row["due_at"] for row in engine.rows.values()] == [case.due_at]


@BOTH
def test_a_case_that_is_repeated_or_overdue_sets_no_deadline_again(service):
    opened = a_case(service)
    case, _ = service.domain.RULES.on_case_opened(opened, None, NOW)
    overdue, [emitted] = service.domain.RULES.on_step_due(case, service.step, case.due_at)

    assert (emitted.step, emitted.due_at, emitted.municipality) == (
        service.step,
        case.due_at,
        "0630",
    )
    assert service.domain.RULES.on_step_due(overdue, service.step, case.due_at) == (overdue, ())
    assert service.domain.RULES.on_case_opened(opened, overdue, NOW) == (overdue, ())
    assert overdue.deadlines == {}
    assert overdue.stage is case.stage, "no right and no stage changes by a clock"


@BOTH
@given(days=st.integers(1, 30))
def test_the_length_of_the_first_step_is_a_setting(service, days):
    opened = a_case(service)
    within = Length(working_days=days)

    case, [emitted] = service.domain.RULES.on_case_opened(opened, None, NOW, within)

    assert emitted.due_at == case.due_at == within.after(opened.reported_at)


# Triage


@given(since=MOMENTS, by=SECONDS, overdue=st.booleans())
def test_a_report_that_waited_too_long_is_reported_once_and_never_before(since, by, overdue):
    due_at = since + timedelta(hours=24)
    waiting = intake.Waiting(
        report_id=uuid4(), municipality="0746", since=since, due_at=due_at, overdue=overdue
    )

    emitted = intake.triage_overdue(waiting, due_at + by)

    if overdue or by < timedelta(0):
        assert emitted is None
    else:
        assert emitted == TriageOverdue(
            report_id=waiting.report_id, municipality="0746", since=since, due_at=due_at
        )


# Reminders


@given(now=MOMENTS, left=SECONDS, days=st.integers(1, 5))
def test_a_notice_is_recalled_after_now_and_while_time_is_left(now, left, days):
    within = Length(working_days=days)

    at = notify.remind_at(now + left, now, within)

    assert now < at <= within.after(now)
    assert at < now + left or left <= timedelta(0)


def a_notice():
    case_id = uuid4()
    [notice] = notify.notices_of(
        mediation_facts.CaseReceived(case_id=case_id, municipality="0630", due_at=NOW)
    )
    return stored(notice, NOW, NOW + timedelta(hours=1))


def recalled(document):
    """The notice after its reminder has come due, the emitted fact, and what is still set."""
    unit = Unit(cases="cases", now=NOW + timedelta(hours=2))
    unit.track(NOTICES, document["_id"], LoadedDocument.stored({**document, "version": 1}))
    unit.track("cases", document["subject"])
    due = Timer("reminder", document["_id"], document["subject"], NOW)
    notify_deadlines().fire(due, unit)
    return (
        {**unit.load(NOTICES, document["_id"]), "_id": document["_id"]},
        [message.envelope.type for message in unit.outgoing.messages],
        [row for _, row in unit.timers if row is not None],
    )


def test_a_notice_that_nobody_acknowledged_is_recalled_once():
    notice, emitted, due = recalled(a_notice())

    assert (notice["reminded_at"], emitted, due) == (
        NOW + timedelta(hours=2),
        ["notify.notice_reminded.v1"],
        [],
    )
    assert recalled(notice) == (notice, [], [])


def test_a_notice_that_somebody_acknowledged_is_not_recalled():
    seen = acknowledge(a_notice(), "sofie", NOW)

    assert deadlines_of(seen) == {}
    assert recalled(seen) == (seen, [], [])
