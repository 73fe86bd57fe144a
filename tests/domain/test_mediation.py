from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mediation import domain as mediation
from services.psp import domain as psp
from shared.contracts.intake import CaseOpened, Party
from shared.contracts.mediation import CaseReceived
from shared.contracts.places import MUNICIPALITIES, PatrolCentre
from shared.contracts.processes import Category, PartnerKind, PersonRole, Process

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

    taken, emitted = mediation.on_case_opened(case, None, NOW)

    assert taken.stage is mediation.Stage.PROPOSED
    assert emitted == (
        CaseReceived(case_id=case.case_id, municipality=municipality, due_at=taken.due_at),
    )
    assert mediation.on_case_opened(case, taken, NOW) == (taken, ())


@pytest.mark.parametrize("process", [p for p in Process if p is not Process.MEDIATION])
def test_a_case_of_another_process_never_becomes_a_mediation(process):
    with pytest.raises(mediation.NotOurs):
        mediation.on_case_opened(a_case(process), None, NOW)


@pytest.mark.parametrize("process", [p for p in Process if p is not Process.PSP])
def test_a_case_of_another_process_never_becomes_a_psp_case(process):
    with pytest.raises(psp.NotOurs):
        psp.on_case_opened(a_case(process), None, NOW)


def test_a_psp_case_is_not_for_investigation_from_birth():
    taken, emitted = psp.on_case_opened(a_case(Process.PSP), None, NOW)

    assert taken.not_for_investigation
    assert [fact.type for fact in emitted] == ["psp.case_received.v1"]
    assert psp.on_case_opened(a_case(Process.PSP), taken, NOW) == (taken, ())


def test_a_custody_holder_is_on_the_side_of_their_child_only():
    guardian = a_party(PersonRole.GUARDIAN)
    harmed = a_party(PersonRole.HARMED, holders=(guardian.party_id,))
    responsible = a_party(PersonRole.RESPONSIBLE)

    taken, _ = mediation.on_case_opened(a_case(parties=(harmed, guardian, responsible)), None, NOW)

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

    taken, _ = mediation.on_case_opened(case, None, NOW)

    assert taken.due_at == datetime.fromisoformat(due)


def test_a_mediation_cannot_be_changed_in_place():
    taken, _ = mediation.on_case_opened(a_case(), None, NOW)

    with pytest.raises(AttributeError):
        taken.stage = mediation.Stage.PROPOSED
    assert replace(taken, municipality="0607") != taken
