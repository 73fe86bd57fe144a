"""The services' deadlines in a real database: set with the case, moved and cancelled with it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from types import SimpleNamespace
from uuid import uuid4

import pytest

import services.mediation.handlers as mediation_handlers
import services.psp.handlers as psp_handlers
from services.intake.triage import make_timers
from services.mediation.mediations import MEDIATIONS
from services.notify.handlers import CASES
from services.notify.handlers import make_inbox as notify_inbox
from services.notify.handlers import make_timers as notify_deadlines
from services.notify.notices import NOTICES, REMINDER, acknowledge, deadlines_of
from services.psp.psp_cases import PSP_CASES
from shared.cases.working_time import Length
from shared.contracts import mediation, psp, source_of
from shared.contracts.envelope import Envelope, write_envelope
from shared.contracts.intake import CaseOpened
from shared.contracts.places import PatrolCentre
from shared.contracts.processes import PartnerKind, Process
from shared.engine import Record, Store
from shared.engine.consume import offset_store
from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.circuit_breaker import CircuitBreaker
from shared.engine.timers.scheduler import Scheduler
from shared.engine.timers.timers import sync_timers
from tests.edge.intake_world import Sent

HOUR = timedelta(hours=1)
SOON = timedelta(seconds=1)
PATIENCE_S = 60.0


class Service:
    """One service's store, its inbox, and its scheduler."""

    def __init__(self, client, cases, facts, deadlines):
        self.store = Store(client, f"test_{uuid4().hex[:10]}", cases=cases)
        self.db = self.store.db
        self.committer = BatchCommitter(self.store, facts, CircuitBreaker())
        self.scheduler = Scheduler(self.store, deadlines, holder="one")
        self.marks = {}

    async def take(self, fact, sequence=1):
        """Take a fact in, as a worker does."""
        topic = fact.topic()
        if topic not in self.marks:
            self.marks[topic] = await offset_store.take(
                self.store, topic=topic, topic_id=topic, partition=0, log_start=0, log_end=10**6
            )
        mark = self.marks[topic]
        envelope = Envelope(
            id=str(uuid4()),
            source=source_of(topic),
            type=fact.type,
            time=datetime.now(UTC),
            subject=fact.subject(),
            sequence=sequence,
        )
        key, now = fact.subject().encode(), int(datetime.now(UTC).timestamp() * 1000)
        headers = tuple(write_envelope(envelope))
        record = Record(topic, 0, mark.offset, now, key, fact.write(), headers)
        self.marks[topic], _ = await self.committer.commit(mark, [record])

    async def tick(self, until_published=0):
        """Fire what is due, until so many events are published."""
        end = monotonic() + PATIENCE_S
        while monotonic() < end:
            if await self.scheduler.owns() and await self.scheduler.is_due():
                await self.scheduler.fire()
            if len(await self.published_types()) >= until_published:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"after {PATIENCE_S} s {await self.published_types()} is published")

    async def published_types(self):
        """The types of what lies in the outbox, in order."""
        packed = await self.db.outbox.find().sort("at", 1).to_list()
        return [Sent(message).envelope.type for one in packed for message in one["messages"]]

    async def due(self):
        return {row["name"]: row["due_at"] async for row in self.db.due.find()}

    async def act(self, collection, document_id, decide):
        await self.store.act(f"act-{uuid4()}", {collection: [document_id]}, decide)


SERVICES = [
    SimpleNamespace(
        name="mediation",
        process=Process.MEDIATION,
        store=MEDIATIONS,
        handlers=mediation_handlers,
        step=mediation.Step.CONTACT_PARTIES,
    ),
    SimpleNamespace(
        name="psp",
        process=Process.PSP,
        store=PSP_CASES,
        handlers=psp_handlers,
        step=psp.Step.JUDGE_NECESSITY,
    ),
]


@pytest.fixture(params=SERVICES, ids=lambda each: each.name)
def of(request):
    return request.param


@pytest.fixture
async def service_of(intake_mongo):
    made = []

    def make(*wired):
        made.append(Service(intake_mongo, *wired))
        return made[-1]

    yield make
    for each in made:
        await intake_mongo.drop_database(each.db.name)


def a_case(of, reported_at=None):
    at = reported_at or datetime.now(UTC)
    return CaseOpened(
        case_id=uuid4(),
        process=of.process,
        municipality="0630",
        patrol_centre=PatrolCentre.MID,
        reported_at=at,
        occurred_at=at,
        reporter_kind=PartnerKind.POLICE,
        parties=(),
    )


@pytest.fixture
def cases_of(of, service_of):
    """The service, its cases' first step due after so long."""

    def make(within):
        facts = of.handlers.make_inbox(within)
        return service_of(of.store.collection, facts, of.handlers.make_timers())

    return make


async def test_the_time_for_the_first_step_passes_and_is_published_once(of, cases_of):
    service, case = cases_of(Length(span=SOON)), a_case(of)

    await service.take(case)
    assert list(await service.due()) == [of.step]
    await service.tick(until_published=2)
    await service.take(case)
    await service.tick()

    assert await service.published_types() == [
        f"{of.name}.case_received.v1",
        f"{of.name}.step_due.v1",
    ]
    stored = await of.store.find(service.db, case.case_id)
    assert (stored.overdue, await service.due()) == (True, {})


async def test_a_case_whose_next_step_changes_moves_its_deadline_and_one_closed_has_none(
    of, cases_of
):
    service, case = cases_of(Length(span=HOUR)), a_case(of)
    await service.take(case)
    later = datetime.now(UTC).replace(microsecond=0) + 3 * HOUR

    def change(**changes):
        def decide(unit):
            of.store.save(unit, replace(of.store.load(unit, case.case_id), **changes))

        return service.act(of.store.collection, str(case.case_id), decide)

    await change(due_at=later)
    assert await service.due() == {of.step: later}
    await change(next_step=None, due_at=None)
    assert await service.due() == {}
    await change(next_step=of.step, due_at=later)
    assert await service.due() == {of.step: later}


async def test_a_report_that_waits_for_triage_too_long_is_published_once(intake):
    now = (await intake.store.client.admin.command("hello"))["localTime"].replace(tzinfo=UTC)
    intake.now = now - timedelta(hours=23)
    await intake.arrive(intake.record(process=None, reference="S-1"))
    scheduler = Scheduler(intake.store, make_timers(), holder="one")
    assert await scheduler.owns()

    assert not await scheduler.is_due(), "an hour is left"
    intake.now = now - timedelta(hours=25)
    await intake.arrive(
        intake.record(process=None, reference="S-2"), intake.record(reference="S-3")
    )
    await scheduler.fire()
    await intake.arrive(intake.record(process=None, reference="S-2"))
    await scheduler.fire()

    published = [each.envelope.type for each in await intake.sent()]
    assert published.count("intake.triage_overdue.v1") == 1
    reports = {each["reference"]: each async for each in intake.db.reports.find()}
    assert {name: each.get("overdue") for name, each in reports.items()} == {
        "S-1": False,
        "S-2": True,
        "S-3": None,
    }
    assert [row["subject"] async for row in intake.db.due.find()] == [reports["S-1"]["_id"]]


@pytest.fixture
def notify(service_of):
    within = Length(span=SOON)
    return service_of(CASES, notify_inbox(within), notify_deadlines())


def a_received():
    due_at = datetime.now(UTC) + 5 * HOUR
    return mediation.CaseReceived(case_id=uuid4(), municipality="0630", due_at=due_at)


async def test_a_notice_that_nobody_acknowledges_is_recalled_once(notify):
    fact = a_received()

    await notify.take(fact)
    await notify.tick(until_published=2)
    await notify.take(fact)
    await notify.tick()

    assert await notify.published_types() == [
        "notify.notice_created.v1",
        "notify.notice_reminded.v1",
    ]
    [notice] = await notify.db.notices.find().to_list()
    assert notice["reminded_at"] >= notice["remind_at"]
    assert await notify.due() == {}


async def test_a_notice_that_somebody_acknowledged_in_time_is_not(notify):
    for fact in (a_received(), a_received()):
        await notify.take(fact)
    seen, _ = await notify.db.notices.find().sort("_id", 1).to_list()

    def decide(unit):
        before = unit.load(NOTICES, seen["_id"])
        after = acknowledge(before, "kira", unit.now)
        unit.save(NOTICES, after)
        sync_timers(unit, seen["_id"], before=deadlines_of(before), now=deadlines_of(after))

    await notify.act(NOTICES, seen["_id"], decide)
    assert list(await notify.due()) == [REMINDER]
    await notify.tick(until_published=3)

    recalled = notify.db.notices.find({"reminded_at": {"$ne": None}})
    assert [each["_id"] != seen["_id"] async for each in recalled] == [True]
