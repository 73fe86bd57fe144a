"""Lists of cases on a real database: who sees which, how a case is found, and what is logged."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.mediation.mediations import MEDIATIONS
from shared.cases.case_list import PAGE
from shared.contracts.processes import Process
from shared.contracts.references import case_reference
from tests.edge.commands_world import KIRA, MONA, a_desk

NOW = datetime.now(UTC).replace(microsecond=0)
ONE = UUID("a5472c00-0100-4000-8000-000000000001")
"""Its reference is KR-MN3J-R001."""


@pytest.fixture
async def desk(intake_mongo, tmp_path):
    async with a_desk(intake_mongo, tmp_path) as desk:
        await MEDIATIONS.prepare(desk.db)
        yield desk


async def a_case(desk, case_id=None, **changes):
    """Store a case as a version without lists did; the next start takes it into the lists."""
    known = {"_id": str(case_id)} if case_id else {}
    return await desk.a_case(**known, **changes)


async def listed(desk, query="", staff=KIRA, **headers):
    await MEDIATIONS.prepare(desk.db)
    async with desk.browser(staff) as site:
        return await site.get(f"/mediation/cases{query}", headers=headers)


def rows(answer):
    return [part.partition('"')[0] for part in answer.text.split('data-row="')[1:]]


async def test_open_cases_stand_in_order_of_their_deadlines_and_closed_ones_apart(desk):
    late = await a_case(desk, due_at=NOW - timedelta(hours=1))
    without = await a_case(desk, due_at=None)
    soon = await a_case(desk, due_at=NOW + timedelta(hours=1))
    closed = await a_case(desk, due_at=None, stage="closed", next_step=None)

    assert rows(await listed(desk)) == [late, soon, without]
    assert set(rows(await listed(desk, "?trin=alle"))) == {late, soon, without, closed}
    assert rows(await listed(desk, "?trin=closed")) == [closed]


async def test_a_list_is_narrowed_by_stage_place_and_deadline(desk):
    here = await a_case(desk, due_at=NOW - timedelta(days=1))
    there = await a_case(desk, municipality="0746", due_at=NOW + timedelta(days=2))
    far = await a_case(desk, stage="contact", due_at=NOW + timedelta(days=20))
    without = await a_case(desk, due_at=None)

    assert rows(await listed(desk, "?kommune=0746")) == [there]
    assert rows(await listed(desk, "?trin=contact")) == [far]
    assert rows(await listed(desk, "?frist=overskredet")) == [here]
    assert rows(await listed(desk, "?frist=uge")) == [here, there]
    assert rows(await listed(desk, "?frist=ingen")) == [without]
    assert (await listed(desk, "?frist=nonsense")).status_code == 404
    assert rows(await listed(desk, "?trin=nonsense")) == []


@pytest.mark.parametrize(
    "typed",
    ["KR-MN3J-R001", "krmn3jr001", "mn3j", "R-MN", "3JRO", "jr0OI", " j r 0 ", "3J\u2011R0"],
)
async def test_a_case_is_found_by_any_part_of_its_reference_as_people_type_it(desk, typed):
    await a_case(desk, ONE)
    await a_case(desk, UUID("00000000-0000-4000-8000-000000000002"))

    assert case_reference(Process.MEDIATION, ONE) == "KR-MN3J-R001"
    assert rows(await listed(desk, f"?sag={typed}")) == [str(ONE)]


async def test_a_search_finds_closed_cases_too(desk):
    await a_case(desk, ONE, stage="closed", due_at=None, next_step=None)

    assert rows(await listed(desk, "?sag=MN3J")) == [str(ONE)]


@pytest.mark.parametrize("typed", ["PSP", "010190-1234", "Fiktivsen", ".*", "^KR", "$where"])
async def test_what_is_no_part_of_a_reference_finds_nothing(desk, typed):
    await a_case(desk, ONE)

    answer = await listed(desk, f"?sag={typed}")

    assert answer.status_code == 200
    assert rows(answer) == []
    assert "Ingen sager passer" in answer.text


async def test_an_unknown_case_looks_like_one_that_the_person_may_not_see(desk):
    await a_case(desk, ONE)

    foreign = await listed(desk, "?sag=MN3JR001", staff=MONA)
    unknown = await listed(desk, "?sag=MN3JR002", staff=MONA)

    assert rows(foreign) == rows(unknown) == []
    main = foreign.text.partition("<main")[2].replace("MN3JR001", "MN3JR002")
    assert main == unknown.text.partition("<main")[2]


async def test_a_mediator_sees_the_cases_that_name_them_and_no_other(desk):
    await a_case(desk)
    own = await a_case(desk, circle={"named": ["mona"]})

    answer = await listed(desk, staff=MONA)

    assert rows(answer) == [own]


async def test_pages_of_a_long_list_show_each_case_once(desk):
    cases = [await a_case(desk, due_at=NOW + timedelta(hours=n)) for n in range(1, PAGE + 4)]

    first, second = await listed(desk), await listed(desk, "?side=2")

    assert rows(first) + rows(second) == cases
    assert "Side 1 af 2." in first.text


async def test_the_board_has_a_column_for_each_open_stage_and_leads_to_the_rest(desk):
    for hours in range(7):
        await a_case(desk, due_at=NOW + timedelta(hours=hours + 1))
    late = await a_case(desk, stage="contact", due_at=NOW - timedelta(hours=1))

    board = await listed(desk, "?vis=tavle")

    columns = board.text.split('aria-labelledby="trin-')[1:]
    assert [column.partition('"')[0] for column in columns] == ["proposed", "screening", "contact"]
    assert columns[0].count("data-row") == 5
    assert 'href="/mediation/cases?trin=proposed">Vis 2 mere' in columns[0]
    assert f's-urgent" data-row="{late}"' in columns[2]


async def test_a_case_leads_back_to_the_place_in_the_list_where_it_was_opened(desk):
    case_id = await a_case(desk, municipality="0746")
    await MEDIATIONS.prepare(desk.db)

    async with desk.browser(KIRA) as site:
        seen = await site.get("/mediation/cases?kommune=0746&side=1")
        kept = seen.cookies["mediation_liste"]
        cookie = f"{site.headers['cookie']}; mediation_liste={kept}"
        case = await site.get(f"/mediation/cases/{case_id}", headers={"cookie": cookie})
        hostile = f'{site.headers["cookie"]}; mediation_liste=vis=x&kommune="><script>'
        other = await site.get(f"/mediation/cases/{case_id}", headers={"cookie": hostile})

    assert f'href="/mediation/cases?kommune=0746#sag-{case_id}"' in case.text
    assert f'href="/mediation/cases#sag-{case_id}"' in other.text


async def test_a_reading_of_the_list_is_logged_once_without_content(desk):
    await a_case(desk, ONE)

    await listed(desk, "?sag=MN3J")
    for _ in range(3):
        await listed(desk, **{"hx-request": "true"})

    logged = await desk.db.audit.find().to_list()
    assert [(row["action"], row["who"], row["what"], row["why"]) for row in logged] == [
        ("read_list", "staff:kira", "mediation.cases", "read-mediation-case")
    ] * 2
    assert all("MN3J" not in str(row) and str(ONE) not in str(row) for row in logged)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_at_an_https_site_the_place_in_a_list_travels_encrypted_alone(desk, scheme):
    desk.app.state.settings.site_url = f"{scheme}://site"

    answer = await listed(desk, "?kommune=0746")

    [cookie] = [each for each in answer.headers.get_list("set-cookie") if "_liste" in each]
    assert ("; secure" in cookie.lower()) == (scheme == "https")


async def test_a_list_does_not_exist_for_who_may_open_no_case_of_it_and_that_is_logged(desk):
    nobody = KIRA.__class__("otto", "Otto", "x", ("operator",), ("1463",))

    answer = await listed(desk, staff=nobody)

    assert answer.status_code == 404
    [row] = await desk.db.audit.find().to_list()
    assert (row["action"], row["who"]) == ("denied", "staff:otto")


async def test_nothing_is_shown_where_the_reading_cannot_be_logged(desk):
    await a_case(desk, uuid4())
    await desk.db.create_collection("audit", validator={"_id": {"$type": "int"}})

    answer = await listed(desk)

    assert answer.status_code == 500
    assert rows(answer) == []


async def test_every_search_is_answered_by_an_index(desk):
    for _ in range(3):
        await a_case(desk)
    await MEDIATIONS.prepare(desk.db)

    plan = await desk.db.command(
        "explain",
        {"find": "mediations", "filter": {"listed.parts": {"$regex": "^MN3J"}}},
        verbosity="queryPlanner",
    )

    assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"])
