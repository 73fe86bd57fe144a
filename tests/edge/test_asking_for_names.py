"""The page of a case asks for names: closed at first, one side at a time, by a grant in a form."""

import re
from uuid import uuid4

import pytest

from shared.security.grants import read_grant
from shared.staff.access import Staff
from tests.edge.commands_world import KIRA, MONA, a_desk
from tests.edge.psp_world import BO, HANNE, PEDER, a_psp_desk
from tests.signing import KeyPairs

HARMED, MOTHER, OTHER = (str(uuid4()) for _ in range(3))


def a_party(party_id, role, *holders):
    return {
        "party_id": party_id,
        "role": role,
        "category": "other",
        "minor": bool(holders),
        "custody_holders": list(holders),
        "address_protected": False,
    }


PARTIES = [
    a_party(HARMED, "harmed", MOTHER),
    a_party(OTHER, "responsible"),
    a_party(MOTHER, "guardian"),
]


@pytest.fixture
async def desk(intake_mongo, tmp_path):
    async with a_desk(intake_mongo, tmp_path) as desk:
        yield desk


def grants_in(text, folder):
    tokens = dict.fromkeys(re.findall(r'name="grant" value="([^"]*)"', text))
    keys = KeyPairs(folder / "signing").verifier()
    return [read_grant(keys, token, issuers=("mediation", "psp")) for token in tokens]


async def test_a_page_has_no_grant_before_the_form_is_opened_and_then_one_for_that_side(
    desk, tmp_path
):
    case_id = await desk.a_case(parties=PARTIES)

    closed = (await desk.open(case_id)).text
    opened = (await desk.open(case_id, query="?navne=harmed")).text

    assert grants_in(closed, tmp_path) == []
    assert closed.count("Vis navne") == 2
    [grant] = grants_in(opened, tmp_path)
    assert (grant.issuer, grant.staff_id, str(grant.case_id)) == ("mediation", "kira", case_id)
    assert [str(party) for party in grant.parties] == [HARMED, MOTHER]
    assert (grant.side, grant.named) == ("harmed", False)
    assert set(re.findall(r'name="purpose" value="([^"]*)"', opened)) == set(grant.purposes)
    assert 'action="/intake/names/show"' in opened
    assert "?navne=responsible" in opened


async def test_a_form_that_came_too_late_is_opened_again_with_what_was_typed(desk, tmp_path):
    case_id = await desk.a_case(parties=PARTIES)

    async with desk.browser(KIRA) as site:
        answer = await site.post(
            f"/mediation/cases/{case_id}/names/responsible",
            data={"purpose": "other", "reason": 'Ringe <"tilbage">' + "x" * 400},
        )

    assert answer.status_code == 200
    [grant] = grants_in(answer.text, tmp_path)
    assert [str(party) for party in grant.parties] == [OTHER]
    assert re.search(r'value="other" required checked', answer.text)
    assert "Ringe &lt;&#34;tilbage&#34;&gt;" in answer.text


@pytest.mark.parametrize("side", ["", "x", "HARMED", "harmed' --"])
async def test_a_side_that_there_is_not_opens_no_form(desk, side, tmp_path):
    case_id = await desk.a_case(parties=PARTIES)

    answer = await desk.open(case_id, query=f"?navne={side}")

    assert (answer.status_code, grants_in(answer.text, tmp_path)) == (200, [])


async def test_a_barred_coordinator_is_given_no_grant(desk, tmp_path):
    case_id = await desk.a_case(parties=PARTIES, circle={"barred": ["kira"]})

    answer = await desk.open(case_id, query="?navne=harmed")

    assert (answer.status_code, grants_in(answer.text, tmp_path)) == (404, [])


async def test_the_mediator_whom_a_case_names_is_granted_as_named(desk, tmp_path):
    case_id = await desk.a_case(parties=PARTIES, circle={"named": ["mona"]})

    answer = await desk.open(case_id, MONA, query="?navne=responsible")

    [grant] = grants_in(answer.text, tmp_path)
    assert (grant.staff_id, grant.named) == ("mona", True)


async def test_in_psp_only_those_whom_the_disclosure_names_are_granted(intake_mongo, tmp_path):
    async with a_psp_desk(intake_mongo, tmp_path) as desk:
        case_id = await desk.arrives("police")
        for staff, many in ((PEDER, 1), (HANNE, 0), (BO, 0)):
            assert isinstance(staff, Staff)
            answer = await desk.open(case_id, staff, query="?navne=subject")
            grants = grants_in(answer.text, tmp_path)
            assert [(grant.issuer, grant.named) for grant in grants] == [("psp", True)] * many
