"""The rows of the audit log on a real database: one shape, numbered without gaps, in its own time."""

import asyncio
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest

from shared.engine import Store
from shared.errors import Rejected
from shared.staff.audit import AuditRow, Kind
from tests.edge.commands_world import KARL, KIRA, MONA, UNSUITABLE, Desk, a_desk

SHAPE = {field.name for field in fields(AuditRow)} | {"_id", "at", "writer", "counter"}


@pytest.fixture
async def desk(intake_mongo, tmp_path):
    async with a_desk(intake_mongo, tmp_path) as desk:
        yield desk


async def logged(desk):
    return await desk.db.audit.find().sort([("writer", 1), ("counter", 1)]).to_list()


def are_whole(rows):
    """Whether each writer's rows count from 1 without gaps or repeats."""
    of_writer = {}
    for row in rows:
        of_writer.setdefault(row["writer"], []).append(row["counter"])
    return all(sorted(each) == list(range(1, len(each) + 1)) for each in of_writer.values())


async def test_acts_readings_lists_and_denials_have_one_shape(desk):
    case_id = await desk.a_case()
    await desk.open(case_id)
    await desk.open(case_id, MONA)
    await desk.screen(case_id, **UNSUITABLE)
    async with desk.browser(KIRA) as site:
        await site.get("/mediation/cases")

    rows = await logged(desk)

    assert {row["kind"] for row in rows} == {"act", "read", "read_list", "denied"}
    assert all(set(row) == SHAPE for row in rows)
    assert are_whole(rows)


async def test_rows_that_are_written_at_the_same_time_are_numbered_without_gaps(desk):
    case_id = await desk.a_case()

    await asyncio.gather(*(desk.open(case_id, staff) for _ in range(15) for staff in (KIRA, KARL)))

    rows = await logged(desk)
    assert len(rows) == 30
    assert are_whole(rows)
    assert len({row["writer"] for row in rows}) <= 8


async def test_an_act_that_does_not_commit_uses_no_number(desk):
    row = AuditRow(kind=Kind.OPERATION, action="tried", who="operator", what="x")

    async def give_up(session):
        unit = desk.store.unit()
        unit.add("audit", row.document())
        await desk.store.write(unit, session)
        raise Rejected("no")

    with pytest.raises(Rejected):
        await desk.store.persist(give_up)
    await desk.store.log(row)

    [written] = await logged(desk)
    assert written["counter"] == 1


async def test_two_processes_never_share_a_writer(desk, tmp_path):
    case_id = await desk.a_case()
    other = Desk(Store(desk.store.client, desk.db.name, cases="mediations"), tmp_path)

    await asyncio.gather(*(each.open(case_id) for _ in range(5) for each in (desk, other)))

    rows = await logged(desk)
    assert are_whole(rows)
    assert len({row["writer"].partition("/")[0] for row in rows}) == 2


async def test_a_row_has_the_time_of_the_database_and_not_of_the_service(desk):
    desk.store.clock = lambda: datetime.now(UTC) - timedelta(days=400)
    before = datetime.now(UTC) - timedelta(seconds=5)

    await desk.open(await desk.a_case())

    [row] = await logged(desk)
    assert row["at"] >= before


async def test_a_row_that_is_written_once_is_written_once(desk):
    row = AuditRow(kind=Kind.READ_LIST, action="read_list", who="staff:kira", what="x")

    await asyncio.gather(*(desk.store.log(row, "x|kira|1") for _ in range(5)))

    [written] = await logged(desk)
    assert written["counter"] == 1
