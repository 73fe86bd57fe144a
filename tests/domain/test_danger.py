"""Danger to life: who may see and note it, what a note does, and whom an alarm reaches when."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake import danger
from services.intake.commands import NOTES
from services.intake.domain import Status
from services.notify.audiences import all_who_must_act_on_danger
from services.notify.domain import ended_by, notices_of
from shared.cases.working_time import end_of_office, is_office_time
from shared.contracts.intake import DangerNote, DangerNoted, DangerOverdue
from shared.contracts.places import ZONE
from shared.staff.access import Action, Role, Staff

OFFICE = datetime(2026, 11, 24, 9, 38, tzinfo=UTC)
NIGHT = datetime(2026, 11, 24, 22, 14, tzinfo=UTC)
MOMENTS = st.integers(0, 2 * 365 * 86_400).map(lambda seconds: NIGHT + timedelta(seconds=seconds))
SORTING = {Role.TRIAGE, Role.LEADER}
KEPT = [Status.WAITING, Status.ACCEPTED]


def a_report(noted=None, *, says_danger=True, stage=Status.WAITING, received_at=OFFICE):
    return danger.DeskReport(
        case_id=uuid4(),
        municipality="0630",
        stage=stage,
        received_at=received_at,
        says_danger=says_danger,
        noted=noted,
    )


@pytest.mark.parametrize(("role", "stage", "says_danger"), list(product(Role, KEPT, [False, True])))
def test_a_report_is_open_while_it_waits_and_a_dangerous_one_to_duty_officers_too(
    role, stage, says_danger
):
    report = a_report(says_danger=says_danger, stage=stage)
    staff = Staff("u", "", "", (role,), ("1463",))

    waits = stage is Status.WAITING and role in SORTING
    may_read = waits or (says_danger and role in {*SORTING, Role.DUTY_OFFICER})
    assert report.is_open_to(staff, Action.READ_REPORT) is may_read
    assert report.is_open_to(staff, Action.NOTE_DANGER) is may_read
    assert not report.is_open_to(staff, Action.READ_PSP_CASE)


@pytest.mark.parametrize(("before", "note"), list(product([None, *DangerNote], DangerNote)))
def test_a_note_ends_the_alarm_and_a_call_is_never_taken_back(before, note):
    report = a_report(before)
    allowed = before is None or (before, note) == (DangerNote.NO_DANGER, DangerNote.CALLED_112)

    if not allowed:
        with pytest.raises(danger.NotedAlready):
            danger.note_danger(report, note)
        return
    after, [told] = danger.note_danger(report, note)
    assert (after.noted, after.is_alarm, after.deadlines) == (note, False, {})
    assert (told.type, told.note, told.report_id) == (
        "intake.danger_noted.v1",
        note,
        report.case_id,
    )
    assert danger.danger_overdue(after) is None


def test_what_a_report_does_not_say_is_not_noted():
    report = a_report(says_danger=False)

    with pytest.raises(danger.NotAboutDanger):
        danger.note_danger(report, DangerNote.NO_DANGER)
    assert (report.is_alarm, report.deadlines, danger.danger_overdue(report)) == (False, {}, None)


@given(MOMENTS)
def test_the_duty_officers_are_told_at_once_or_when_office_hours_end(moment):
    fact = danger.danger_reported(uuid4(), "0630", moment)
    roles = [str(each) for each in all_who_must_act_on_danger(fact)]
    told_later = a_report(received_at=moment).deadlines.get(danger.DANGER)

    assert roles[:2] == ["triage:1463", "leader:1463"]
    assert ("duty-officer:1463" in roles) is (told_later is None)
    if told_later is not None:
        assert timedelta(0) < told_later - moment <= timedelta(hours=8)
        assert not is_office_time(told_later)


@given(st.dates(date(2026, 1, 1), date(2028, 1, 1)), st.times())
def test_office_hours_are_eight_to_four_on_working_days_in_copenhagen(day, clock):
    here = datetime.combine(day, clock, ZONE)
    is_open = is_office_time(here.astimezone(UTC))

    if day.weekday() > 4 or not time(8) <= clock < time(16):
        assert not is_open
    assert end_of_office(here).date() == day


@pytest.mark.parametrize("day", ["2026-12-25", "2027-03-25", "2027-05-06"])
def test_a_public_holiday_has_no_office_hours(day):
    assert not is_office_time(datetime.fromisoformat(f"{day}T10:00:00+01:00"))


@pytest.mark.parametrize("since", [OFFICE, NIGHT])
def test_a_note_ends_every_notice_of_the_danger_and_no_other(since):
    report = a_report(received_at=since)
    reported = danger.danger_reported(report.case_id, "0630", since)
    overdue = DangerOverdue(report_id=report.case_id, municipality="0630", since=since)
    raised = {each.id for fact in (reported, overdue) for each in notices_of(fact)}

    _, [noted] = danger.note_danger(report, DangerNote.NO_DANGER)

    assert set(ended_by(noted)) == raised
    assert all(each.urgent for fact in (reported, overdue) for each in notices_of(fact))
    other = noted.model_copy(update={"report_id": uuid4()})
    assert not raised & set(ended_by(other))
    assert notices_of(noted) == ()


def test_every_note_has_its_words():
    assert set(NOTES) == set(DangerNote)
    assert DangerNoted.type.startswith("intake.")
