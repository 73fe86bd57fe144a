from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.domain import ended_by, notices_of
from services.notify.handlers import CASES, make_inbox
from services.notify.notices import NOTICES, acknowledge, deadlines_of, is_for, is_urgent, stored
from services.notify.rules import RULES, rule_of
from shared.contracts import mediation, psp, source_of
from shared.contracts.disclosure import Authority
from shared.contracts.envelope import Envelope, write_envelope
from shared.contracts.intake import TriageOverdue, TriageWaiting
from shared.contracts.places import MUNICIPALITIES
from shared.engine import LoadedDocument, Record, Unit
from shared.staff.access import Role, Staff

NOW = datetime(2026, 11, 24, 9, 38, tzinfo=UTC)
LATER = NOW + timedelta(hours=4)

facts = make_inbox()


def a_triage_waiting(municipality="0621"):
    return TriageWaiting(report_id=uuid4(), municipality=municipality, since=NOW)


def a_mediation_received(municipality="0630"):
    due = NOW + timedelta(days=3)
    return mediation.CaseReceived(case_id=uuid4(), municipality=municipality, due_at=due)


def a_psp_case_opens(*authorities, municipality="0630", due_at=NOW + timedelta(days=2)):
    return psp.AccessChanged(
        case_id=uuid4(), municipality=municipality, authorities=authorities, due_at=due_at
    )


def a_triage_overdue(municipality="0621"):
    return TriageOverdue(
        report_id=uuid4(),
        municipality=municipality,
        since=NOW - timedelta(days=1),
        due_at=NOW,
    )


def a_step_due(of, municipality="0630", *, due_at=NOW):
    [step] = of.Step
    return of.StepDue(case_id=uuid4(), municipality=municipality, step=step, due_at=due_at)


def someone(role, *places, staff_id="u-1"):
    return Staff(id=staff_id, name="Prøve Prøvesen", title="", roles=(role,), places=places)


def delivered(fact, *, sequence, published_at, facts=facts):
    envelope = Envelope(
        id=str(uuid4()),
        source=source_of(fact.topic()),
        type=fact.type,
        time=NOW,
        subject=fact.subject(),
        sequence=sequence,
    )
    record = Record(
        topic=fact.topic(),
        partition=0,
        offset=sequence,
        timestamp_ms=int(published_at.timestamp() * 1000),
        key=fact.subject().encode(),
        value=fact.write(),
        headers=tuple(write_envelope(envelope)),
    )
    [arrival] = await_none(facts.prepare([record]))
    return arrival


def await_none(coroutine):
    """Run a coroutine that waits for nothing."""
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    return ended.value.value


def taken_in(*deliveries):
    """What one unit of work holds after it took these facts in, each with its publication time."""
    unit = Unit(cases=CASES, now=NOW)
    for number, (fact, published_at) in enumerate(deliveries, start=1):
        arrival = delivered(fact, sequence=number, published_at=published_at)
        for collection, ids in facts.needs(arrival).items():
            for each in ids:
                hold(unit, collection, each)
        hold(unit, CASES, fact.subject())
        facts.take(arrival, unit)
    return unit


def hold(unit, collection, document_id):
    unit.track(collection, document_id, LoadedDocument())


def notices_in(unit):
    return [loaded.fields for (collection, _), loaded in unit.changes() if collection == NOTICES]


def test_a_waiting_report_notifies_the_secretariat_and_nobody_else():
    [notice] = notices_of(a_triage_waiting())
    document = stored(notice, NOW, LATER)

    assert is_for(document, someone("triage", "1463"))
    for role in ("mediation-coordinator", "psp-police", "psp-psychiatry", "operator", "leader"):
        assert not is_for(document, someone(role, "1463"))


def test_a_mediation_notifies_the_coordinator_of_the_district():
    [notice] = notices_of(a_mediation_received("0746"))
    document = stored(notice, NOW, LATER)

    assert is_for(document, someone("mediation-coordinator", "1463"))
    assert not is_for(document, someone("mediator", "1463"))
    assert not is_for(document, someone("triage", "1463"))


def test_a_report_that_waits_too_long_notifies_the_secretariat_and_nobody_else():
    [notice] = notices_of(a_triage_overdue())
    document = stored(notice, NOW, LATER)

    assert is_for(document, someone("triage", "1463"))
    assert not is_for(document, someone("mediation-coordinator", "1463"))
    assert not is_for(document, someone("psp-police", "0621"))


def test_a_step_of_a_mediation_that_is_overdue_notifies_the_coordinator():
    [notice] = notices_of(a_step_due(mediation))
    document = stored(notice, NOW, LATER)

    assert (document["about"], document["step"]) == ("mediation.step_due.v1", "contact_parties")
    assert is_for(document, someone("mediation-coordinator", "1463"))
    assert not is_for(document, someone("mediator", "1463"))
    assert not is_for(document, someone("psp-police", "0630"))


PSP_ROLES = {
    "psp-police": Authority.POLICE,
    "psp-psychiatry": Authority.PSYCHIATRY,
    "psp-municipality": Authority.SOCIAL_SERVICES,
}
OF_PSP = [
    a_psp_case_opens,
    lambda *authorities: a_step_due(psp).model_copy(update={"authorities": authorities}),
    lambda *authorities: psp.NecessityJudged(
        case_id=uuid4(),
        municipality="0630",
        result=psp.NecessityResult.NECESSARY,
        authorities=authorities,
    ),
]


@pytest.mark.parametrize("fact", OF_PSP)
@given(named=st.sets(st.sampled_from(Authority), min_size=1))
def test_a_psp_case_notifies_the_members_of_its_recipients_there_and_nobody_else(fact, named):
    notices = [stored(notice, NOW, LATER) for notice in notices_of(fact(*named))]

    for role in Role:
        for place in MUNICIPALITIES:
            told = any(is_for(each, someone(role, place)) for each in notices)
            assert told == (PSP_ROLES.get(role) in named and place == "0630")
    assert len({each["_id"] for each in notices}) == len(notices)


@pytest.mark.parametrize("fact", OF_PSP[:2])
def test_a_case_of_psp_that_nobody_can_open_goes_to_the_leader_without_a_link(fact):
    [notice] = notices_of(fact())

    assert is_for(stored(notice, NOW, LATER), someone("leader", "1463"))
    assert rule_of(notice.about, notice.step).work_at is None


def test_nobody_is_asked_to_look_at_a_case_whose_readers_changed_but_that_awaits_nothing():
    assert notices_of(a_psp_case_opens(Authority.POLICE, due_at=None)) == ()
    assert notices_of(a_psp_case_opens(due_at=None)) == ()


@pytest.mark.parametrize("place", sorted(MUNICIPALITIES))
def test_a_psp_step_from_before_recipients_were_named_still_notifies_the_police_there(place):
    [notice] = notices_of(a_step_due(psp, "0630"))
    document = stored(notice, NOW, LATER)

    assert is_for(document, someone("psp-police", place)) is (place == "0630")
    assert not is_for(document, someone("psp-municipality", place))


def test_a_psp_case_that_has_just_arrived_notifies_nobody_for_nobody_may_open_it_yet():
    due = NOW + timedelta(days=2)

    assert notices_of(psp.CaseReceived(case_id=uuid4(), municipality="0630", due_at=due)) == ()


def test_each_time_that_passes_for_a_step_is_a_notice_of_its_own():
    first = a_step_due(mediation)
    again = first.model_copy(update={"due_at": NOW + timedelta(days=3)})
    unit = taken_in((first, NOW), (first, NOW), (again, NOW))

    assert len(notices_in(unit)) == 2


def test_one_cause_makes_one_notice_however_often_it_is_published():
    fact = a_triage_waiting()
    unit = taken_in((fact, NOW), (fact, NOW))

    assert len(notices_in(unit)) == 1
    assert [message.envelope.type for message in unit.outgoing.messages] == [
        "notify.notice_created.v1"
    ]


def test_a_notice_is_published_with_its_reference_only():
    fact = a_psp_case_opens(Authority.POLICE)
    unit = taken_in((fact, NOW))
    [message] = unit.outgoing.messages

    assert (message.topic, message.key) == ("notify.notices", str(fact.case_id))
    assert message.envelope.sequence == 1
    assert b'"audience":"psp-police:0630"' in message.value


def test_a_fact_that_comes_days_late_still_lies_in_the_inbox():
    fact = a_triage_waiting()
    unit = taken_in((fact, NOW - timedelta(days=3)))

    assert len(notices_in(unit)) == 1
    assert unit.load(CASES, fact.subject())["municipality"] == fact.municipality


def test_a_notice_names_the_case_by_reference_and_holds_no_more():
    [notice] = notices_of(a_mediation_received())
    document = stored(notice, NOW, LATER)

    assert document["reference"].startswith("KR-")
    assert set(document) == {
        "_id",
        "desk",
        "about",
        "subject",
        "reference",
        "municipality",
        "role",
        "place",
        "due_at",
        "step",
        "created_at",
        "remind_at",
        "reminded_at",
        "acknowledged",
        "urgent",
        "ended_at",
    }


def test_each_person_acknowledges_once_and_the_first_time_is_kept():
    [notice] = notices_of(a_triage_waiting())
    document = stored(notice, NOW, LATER)

    once = acknowledge(document, "sofie", NOW)
    twice = acknowledge(once, "sofie", NOW + timedelta(hours=1))
    both = acknowledge(twice, "lena", NOW + timedelta(hours=2))

    assert twice["acknowledged"] == [{"by": "sofie", "at": NOW}]
    assert [mark["by"] for mark in both["acknowledged"]] == ["sofie", "lena"]


def an_urgent_rule():
    """A rule whose notice only a later fact about the same report stops."""
    [rule] = [rule for rule in RULES if rule.fact is TriageWaiting]
    return replace(rule, ended_by=TriageOverdue)


def an_urgent_notice(waiting):
    [notice] = notices_of(waiting)
    return stored(replace(notice, urgent=True), NOW, LATER)


def test_an_urgent_notice_is_stopped_by_the_fact_that_ends_it_and_by_nothing_else():
    waiting = a_triage_waiting()
    document = an_urgent_notice(waiting)
    ending = replace_id(a_triage_overdue(), waiting.report_id)
    of_rule = make_inbox(rules=[an_urgent_rule()])
    unit = Unit(cases=CASES, now=LATER)
    arrival = delivered(ending, sequence=1, published_at=LATER, facts=of_rule)
    for each in of_rule.needs(arrival)[NOTICES]:
        known = {**document, "version": 1} if each == document["_id"] else None
        unit.track(NOTICES, each, LoadedDocument.stored(known) if known else LoadedDocument())
    hold(unit, CASES, ending.subject())

    assert acknowledge(document, "kira", NOW) is document
    assert is_urgent(document)
    assert deadlines_of(document)

    of_rule.take(arrival, unit)

    ended = unit.load(NOTICES, document["_id"])
    assert ended["ended_at"] == LATER
    assert not is_urgent(ended)
    assert not deadlines_of(ended)


def test_a_fact_about_another_report_ends_nothing():
    waiting, other = a_triage_waiting(), a_triage_overdue()
    [notice] = notices_of(waiting)

    assert notice.id not in ended_by(other, [an_urgent_rule()])
    assert ended_by(replace_id(other, waiting.report_id), [an_urgent_rule()]) == (notice.id,)


def replace_id(fact, report_id):
    return fact.model_copy(update={"report_id": report_id})
