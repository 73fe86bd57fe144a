import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mediation import domain as mediation
from services.psp import domain as psp
from shared.cases.history import Actor, HistoryLine
from shared.cases.next_step import Decision
from shared.contracts.intake import CaseOpened, Party
from shared.contracts.mediation import (
    CaseReceived,
    Clearance,
    Closed,
    Looker,
    OutwardCode,
    Screened,
    ScreeningResult,
    Unsuitable,
)
from shared.contracts.places import MUNICIPALITIES, PatrolCentre
from shared.contracts.processes import Category, PartnerKind, PersonRole, Process
from shared.errors import Rejected
from shared.staff.access import Action, Role, Staff

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def a_case(process=Process.MEDIATION, parties=(), municipality="0630", reported_at=NOW):
    return CaseOpened(
        case_id=uuid4(),
        process=process,
        municipality=municipality,
        patrol_centre=PatrolCentre.MID,
        reported_at=reported_at,
        occurred_at=NOW,
        reporter_kind=PartnerKind.POLICE,
        parties=parties,
    )


def a_party(role, *, holders=(), party_id: UUID | None = None):
    return Party(
        party_id=party_id or uuid4(),
        role=role,
        category=Category.OTHER,
        minor=False,
        custody_holders=holders,
    )


@given(st.sampled_from(sorted(MUNICIPALITIES)))
def test_a_case_that_arrives_is_proposed_and_published_once(municipality):
    case = a_case(municipality=municipality)

    taken, emitted = mediation.RULES.on_case_opened(case, None, NOW)

    assert taken.stage is mediation.Stage.PROPOSED
    assert emitted == (
        CaseReceived(case_id=case.case_id, municipality=municipality, due_at=taken.due_at),
    )
    assert mediation.RULES.on_case_opened(case, taken, NOW) == (taken, ())


@pytest.mark.parametrize("process", [p for p in Process if p is not Process.MEDIATION])
def test_a_case_of_another_process_never_becomes_a_mediation(process):
    with pytest.raises(mediation.NotOurs):
        mediation.RULES.on_case_opened(a_case(process), None, NOW)


@pytest.mark.parametrize("process", [p for p in Process if p is not Process.PSP])
def test_a_case_of_another_process_never_becomes_a_psp_case(process):
    with pytest.raises(psp.NotOurs):
        psp.RULES.on_case_opened(a_case(process), None, NOW)


def test_a_psp_case_is_not_for_investigation_from_birth():
    taken, emitted = psp.RULES.on_case_opened(a_case(Process.PSP), None, NOW)

    assert taken.not_for_investigation
    assert [fact.type for fact in emitted] == ["psp.case_received.v1"]
    assert psp.RULES.on_case_opened(a_case(Process.PSP), taken, NOW) == (taken, ())


def test_a_custody_holder_is_on_the_side_of_their_child_only():
    guardian = a_party(PersonRole.GUARDIAN)
    harmed = a_party(PersonRole.HARMED, holders=(guardian.party_id,))
    responsible = a_party(PersonRole.RESPONSIBLE)

    taken, _ = mediation.RULES.on_case_opened(
        a_case(parties=(harmed, guardian, responsible)), None, NOW
    )

    assert taken.on_side(mediation.Side.HARMED) == (harmed, guardian)
    assert taken.on_side(mediation.Side.RESPONSIBLE) == (responsible,)


@pytest.mark.parametrize(
    ("reported", "due"),
    [
        ("2026-11-24T09:00:00+00:00", "2026-12-01T16:00:00+01:00"),
        ("2026-12-23T12:00:00+00:00", "2026-12-31T16:00:00+01:00"),
        ("2027-03-24T12:00:00+00:00", "2027-04-05T16:00:00+02:00"),
    ],
    ids=["over a weekend", "over Christmas", "over Easter and the change of the clock"],
)
def test_the_deadline_counts_danish_working_days(reported, due):
    case = a_case(reported_at=datetime.fromisoformat(reported))

    taken, _ = mediation.RULES.on_case_opened(case, None, NOW)

    assert taken.due_at == datetime.fromisoformat(due)


def test_a_mediation_cannot_be_changed_in_place():
    taken, _ = mediation.RULES.on_case_opened(a_case(), None, NOW)

    with pytest.raises(AttributeError):
        taken.stage = mediation.Stage.PROPOSED
    assert replace(taken, municipality="0607") != taken


# The screening: every stage with every result.

SUITABLE, UNSUITABLE, SECOND_LOOK = ScreeningResult
GROUNDS = st.sampled_from(mediation.SecondLook)


def a_mediation(stage=mediation.Stage.PROPOSED, *, protected=False, **changes):
    party = a_party(PersonRole.HARMED).model_copy(update={"address_protected": protected})
    taken, _ = mediation.RULES.on_case_opened(a_case(parties=(party,)), None, NOW)
    return replace(taken, stage=stage, **changes)


FIRST = Actor(id="kira", roles=(Role.MEDIATION_COORDINATOR,), at=NOW)
SECOND = Actor(id="karl", roles=(Role.MEDIATION_COORDINATOR,), at=NOW)
LEADER = Actor(id="lena", roles=(Role.LEADER,), at=NOW)


def screened(case, result, *, by=FIRST, **more):
    if result is UNSUITABLE:
        more = {"code": Unsuitable.NOT_ACKNOWLEDGED, **more}
    if result is SECOND_LOOK:
        more = {"ground": mediation.SecondLook.CLOSE_RELATION, **more}
    after, told = mediation.screen(case, result, by=by, **more)
    line = HistoryLine(
        revision=after.revision + 1,
        at=NOW,
        by=by.id,
        name="",
        act=mediation.SCREEN,
        content={"result": str(result)},
    )
    return Decision(after.with_line(line), told)


def test_every_stage_says_which_results_it_allows():
    assert set(mediation.NEXT) == set(mediation.Stage)


@pytest.mark.parametrize("stage", mediation.Stage)
@pytest.mark.parametrize("result", ScreeningResult)
def test_a_screening_leads_to_the_stage_of_its_result_or_is_refused(stage, result):
    case = a_mediation(stage)
    allowed = {
        mediation.Stage.PROPOSED: {
            SUITABLE: "contact",
            UNSUITABLE: "closed",
            SECOND_LOOK: "screening",
        },
        mediation.Stage.SCREENING: {
            SUITABLE: "contact",
            UNSUITABLE: "closed",
            SECOND_LOOK: "screening",
        },
    }.get(stage)

    if allowed is None:
        with pytest.raises(mediation.WrongStage):
            screened(case, result)
    else:
        assert screened(case, result).case.stage == allowed[result]


@pytest.mark.parametrize("code", Unsuitable)
def test_an_unsuitable_case_is_closed_awaits_nothing_and_says_outside_only_that_it_was_not_held(
    code,
):
    case = a_mediation()

    closed, told = screened(case, UNSUITABLE, code=code)

    assert (closed.next_step, closed.due_at, closed.deadlines) == (None, None, {})
    assert closed.unsuitable is code
    assert [fact.write() for fact in told] == [
        Screened(
            case_id=case.case_id,
            municipality="0630",
            result=UNSUITABLE,
            code=code,
            needs_second_look=False,
        ).write(),
        Closed(case_id=case.case_id, outward_code=OutwardCode.NOT_HELD).write(),
    ]
    assert code.value.encode() not in told[1].write()


@given(result=st.sampled_from([SUITABLE, SECOND_LOOK]))
def test_a_case_that_goes_on_keeps_its_step_and_its_deadline(result):
    case = a_mediation()

    after, told = screened(case, result)

    assert (after.next_step, after.due_at) == (case.next_step, case.due_at)
    fact = told[0]
    assert (fact.result, fact.code, fact.needs_second_look) == (result, None, result is SECOND_LOOK)


@given(st.lists(GROUNDS, min_size=1, max_size=5))
def test_each_ground_of_a_second_look_is_kept_once_and_told_to_nobody(grounds):
    case = a_mediation()
    for number, ground in enumerate(grounds):
        by = (FIRST, SECOND)[number % 2]
        case, told = screened(case, SECOND_LOOK, ground=ground, by=by)
        assert all(ground.value not in json.loads(fact.write()).values() for fact in told)

    assert case.second_look == tuple(dict.fromkeys(grounds))


def test_a_case_with_a_protected_address_is_looked_at_again_before_it_is_suitable():
    case = a_mediation(protected=True)

    with pytest.raises(mediation.NeedsSecondLook):
        screened(case, SUITABLE)
    again, _ = screened(case, SECOND_LOOK, ground=mediation.SecondLook.PROTECTED_ADDRESS)
    assert screened(again, SUITABLE, by=SECOND).case.stage is mediation.Stage.CONTACT


@pytest.mark.parametrize("result", ScreeningResult)
def test_who_asked_for_a_second_look_does_not_take_it_but_another_does_or_the_leader(result):
    ground = mediation.SecondLook.CLOSE_RELATION
    case, told = screened(a_mediation(), SECOND_LOOK, ground=ground)

    with pytest.raises(mediation.SamePerson):
        screened(case, result)
    for by in (SECOND, LEADER):
        assert screened(case, result, by=by).case.revision == case.revision + 1
    assert [fact.type for fact in told] == ["mediation.screened.v1", "mediation.look_asked.v1"]
    assert (case.asked, told[1].of) == ((Role.LEADER,), (Looker.LEADER,))


def test_the_leader_may_look_again_at_what_they_have_asked_for_themselves():
    case, _ = screened(a_mediation(), SECOND_LOOK, by=LEADER)

    assert screened(case, SUITABLE, by=LEADER).case.stage is mediation.Stage.CONTACT


def test_an_order_in_force_is_no_reason_to_refuse_a_case_but_the_police_lawyer_must_clear_it():
    case, told = screened(a_mediation(), SECOND_LOOK, ground=mediation.SecondLook.ORDER)

    assert case.asked == (Role.LEADER, Role.POLICE_LAWYER)
    assert told[1].of == (Looker.LEADER, Looker.POLICE_LAWYER)
    with pytest.raises(mediation.NotCleared):
        screened(case, SUITABLE, by=SECOND)
    refused, [said] = mediation.clear(case, Clearance.NOT_CLEARED)
    assert (said.type, said.result) == ("mediation.clearance_given.v1", Clearance.NOT_CLEARED)
    with pytest.raises(mediation.NotCleared):
        screened(refused, SUITABLE, by=SECOND)
    cleared, _ = mediation.clear(refused, Clearance.CLEARED)
    assert screened(cleared, SUITABLE, by=SECOND).case.stage is mediation.Stage.CONTACT
    named_anew, _ = screened(cleared, SECOND_LOOK, ground=mediation.SecondLook.ORDER, by=SECOND)
    assert named_anew.clearance is None


@pytest.mark.parametrize("stage", mediation.Stage)
@pytest.mark.parametrize("ground", mediation.SecondLook)
@pytest.mark.parametrize("before", [None, *Clearance])
@pytest.mark.parametrize("result", Clearance)
def test_the_police_lawyer_is_asked_only_about_an_order_while_the_case_is_looked_at_again(
    stage, ground, before, result
):
    case = a_mediation(stage, second_look=(ground,), clearance=before)
    is_asked = stage is mediation.Stage.SCREENING and ground is mediation.SecondLook.ORDER

    if is_asked and before is not result:
        assert mediation.clear(case, result).case.clearance is result
    else:
        with pytest.raises(mediation.NothingToClear):
            mediation.clear(case, result)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("ground", mediation.SecondLook)
def test_a_case_opens_to_those_whom_it_asks_and_stays_open_to_them(role, ground):
    asked, _ = screened(a_mediation(), SECOND_LOOK, ground=ground)
    staff = Staff("u", "", "", (role,), ("1463",))
    is_lawyer = role is Role.POLICE_LAWYER and ground is mediation.SecondLook.ORDER
    for case in (a_mediation(), asked, screened(asked, UNSUITABLE, by=SECOND).case):
        is_asked = case.revision > 0 and (role is Role.LEADER or is_lawyer)
        always = role is Role.MEDIATION_COORDINATOR
        assert case.is_open_to(staff, Action.READ_MEDIATION_CASE) is (is_asked or always)
        may_clear = case.is_open_to(staff, Action.CLEAR_MEDIATION_CASE)
        assert may_clear is (is_asked and role is Role.POLICE_LAWYER)


@given(
    stage=st.sampled_from(mediation.Stage),
    protected=st.booleans(),
    grounds=st.lists(GROUNDS, unique=True, max_size=4),
    results=st.lists(
        st.tuples(st.sampled_from(ScreeningResult), st.sampled_from([FIRST, SECOND, LEADER])),
        max_size=6,
    ),
)
def test_whatever_people_enter_a_closed_case_stays_closed_and_only_an_open_one_has_a_deadline(
    stage, protected, grounds, results
):
    closed = {"next_step": None, "due_at": None} if stage is mediation.Stage.CLOSED else {}
    case = a_mediation(stage, protected=protected, second_look=tuple(grounds), **closed)
    for result, by in results:
        was = case
        with suppress(Rejected):
            case, _ = screened(case, result, by=by)
        assert was.stage is not mediation.Stage.CLOSED or case == was
        assert (case.stage is mediation.Stage.CLOSED) == (case.deadlines == {})
