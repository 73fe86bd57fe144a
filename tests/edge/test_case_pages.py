"""The pages of cases on a real database: what is stored is shown, whatever the code knows of it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

import services.mediation.pages as mediation_pages
import services.psp.pages as psp_pages
from services.psp.disclosures import Disclosures
from shared.cases.report_details import DetailsFetcher
from shared.engine import Store
from shared.staff.access import Staff
from tests.door import Door
from tests.signing import a_signer

NOW = datetime.now(UTC).replace(microsecond=0)


def pages_of_psp(store, signer):
    details = DetailsFetcher(store=store, keys=None, intake_url="", token="")  # nothing is fetched
    return psp_pages.make_pages(store, Disclosures(store, details), signer)


MEDIATION = SimpleNamespace(
    name="mediation",
    pages=mediation_pages,
    make_pages=mediation_pages.make_pages,
    staff=Staff("kira", "Kira Prøvesen", "x", ("mediation-coordinator",), ("1463",)),
    own={"next_step": "contact_parties", "stage": "proposed"},
)
PSP = SimpleNamespace(
    name="psp",
    pages=psp_pages,
    make_pages=pages_of_psp,
    staff=Staff("peder", "Peder Prøvesen", "x", ("psp-police",), ("0630",)),
    own={
        "next_step": "judge_necessity",
        "stage": "nominated",
        "psychiatry_region": None,
        "not_for_investigation": True,
        "disclosed_to": ["police"],
    },
)


@pytest.fixture
async def show(intake_mongo, tmp_path):
    """Stores a case and reads its page, as the member of staff whose work it is."""
    names = []

    async def shown(service, **changes):
        store = Store(
            intake_mongo, f"test_{uuid4().hex[:10]}", cases=service.pages.PAGE.cases.collection
        )
        names.append(store.db.name)
        case = a_case(service, **changes)
        await store.db[store.cases].insert_one(case)
        app = FastAPI()
        app.include_router(service.make_pages(store, a_signer(tmp_path, service.name)))
        door = Door(app, store, tmp_path, service=service.name, templates=service.pages.TEMPLATES)
        await door.know(service.staff)
        cookie = door.cookie(service.staff)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as site:
            return await site.get(
                f"/{service.name}/cases/{case['_id']}", headers={"cookie": cookie}
            )

    yield shown
    for name in names:
        await intake_mongo.drop_database(name)


def a_case(service, **changes):
    return {
        "_id": str(uuid4()),
        "version": 1,
        "municipality": "0630",
        "patrol_centre": "mid",
        "parties": [],
        "received_at": NOW,
        "due_at": NOW + timedelta(days=5),
        "overdue": False,
        "details": {"status": "wanted"},
        **service.own,
        **changes,
    }


def a_party(role, category="other"):
    return {
        "party_id": str(uuid4()),
        "role": role,
        "category": category,
        "minor": None,
        "custody_holders": [],
        "address_protected": False,
    }


def roles(answer):
    main = answer.text.partition("<main")[2]
    return [part.partition("</strong>")[0] for part in main.split("<p><strong>")[1:]]


async def test_a_party_of_an_unknown_role_is_on_neither_side_of_a_mediation(show):
    parties = [a_party("harmed", "of-later"), a_party("bystander"), a_party("responsible")]

    assert roles(await show(MEDIATION, parties=parties)) == ["Forurettet", "Gerningsperson"]


async def test_a_party_of_an_unknown_role_is_another_in_a_psp_case(show):
    assert roles(await show(PSP, parties=[a_party("subject"), a_party("bystander")])) == [
        "Borger",
        "Anden",
    ]


async def test_a_case_of_an_unknown_place_is_shown_by_its_code_to_who_covers_the_district(show):
    answer = await show(MEDIATION, municipality="0999", patrol_centre="east")

    assert answer.status_code == 200
    assert " 0999</p>" in answer.text


async def test_a_case_of_an_unknown_place_does_not_exist_for_who_covers_another(show):
    assert (await show(PSP, municipality="0999")).status_code == 404


async def test_a_case_that_bars_somebody_or_lists_others_does_not_exist_for_them(show):
    lists = {"named": [], "members": [], "need_to_know": None, "barred": []}

    assert (await show(MEDIATION, circle=lists)).status_code == 200
    assert (await show(MEDIATION, circle={**lists, "barred": ["kira"]})).status_code == 404
    assert (await show(MEDIATION, circle={**lists, "need_to_know": ["karl"]})).status_code == 404
    assert (await show(MEDIATION, circle={**lists, "need_to_know": ["kira"]})).status_code == 200


async def test_a_mediator_opens_the_case_that_names_them_and_no_other(show):
    mona = Staff("mona", "Mona Attrapsen", "x", ("mediator",), ("1463",))
    as_mona = SimpleNamespace(**{**vars(MEDIATION), "staff": mona})
    lists = {"named": ["mona"], "members": [], "need_to_know": None, "barred": []}

    assert (await show(as_mona, circle=lists)).status_code == 200
    assert (await show(as_mona, circle={**lists, "named": ["maja"]})).status_code == 404
    assert (await show(as_mona, circle={**lists, "barred": ["mona"]})).status_code == 404
